"""An AppArmor profile as its rules, and what a process does to files, as strace saw it: no kernel need enforce the one to hold it
against the other."""

import re
from dataclasses import dataclass
from pathlib import Path

import apparmor.aa as aa
from apparmor.aare import AARE

DIRECTORY = Path("/etc/apparmor.d")
# What these system calls need of the path in their last argument. Looking (stat, access, readlink) needs nothing.
NEEDS = {"unlink": "w", "unlinkat": "w", "rename": "w", "renameat": "w", "renameat2": "w", "mkdir": "w", "mkdirat": "w", "rmdir": "w",
         "symlink": "w", "symlinkat": "w", "link": "l", "linkat": "l", "chmod": "w", "fchmodat": "w", "chown": "w", "lchown": "w",
         "fchownat": "w", "truncate": "w", "execve": "x"}
TRACED = (*NEEDS, "open", "openat", "creat", "bind", "connect", "flock", "fcntl")
CALL = re.compile(r"^(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\d+)(?:<(?P<opened>[^>]*)>)?")


@dataclass(frozen=True)
class Access:
    """Something done to a file by the program ("mailpoold") or by what it runs ("token_command")."""

    who: str
    path: str
    needs: str


class Profile:
    """What one file of AppArmor allows, by profile, includes and variables resolved."""

    def __init__(self, file: Path):
        aa.init_aa()
        self.variables = variables()
        self.rules: dict[str, list[tuple[AARE, set[str]]]] = {}
        for profiles in aa.parse_profile_data(file.read_text().splitlines(), str(file), False).values():
            for name, profile in profiles.items():
                self.rules[name.split("//")[-1]] = list(self._rules_of(profile))

    def _rules_of(self, profile):
        for rule in profile["file"].rules:
            letters = set(rule.perms or ()) | ({"x"} if rule.exec_perms else set())
            if not rule.all_paths:
                yield from ((AARE(pattern, True), letters) for pattern in self.expanded(rule.path.regex))
        for include in profile["inc_ie"].rules:
            for file in include.get_full_paths(str(DIRECTORY)):
                if Path(file).is_file():
                    aa.load_include(file)
                    yield from self._rules_of(aa.include[file][file])

    def expanded(self, pattern: str) -> list[str]:
        match = re.search(r"@\{(\w+)\}", pattern)
        if not match:
            return [pattern]
        values = self.variables[match[1]]
        return [full for value in values for full in self.expanded(re.sub("//+", "/", pattern.replace(match[0], value)))]

    def lacks(self, access: Access) -> str:
        """The letters that no rule has for it."""
        has: set[str] = set()
        for pattern, letters in self.rules[access.who]:
            if pattern.match(access.path):
                has |= letters
        return "".join(sorted(set(access.needs) - has))


def variables() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"pid": ["[0-9]*"], "tid": ["[0-9]*"]}
    for file in sorted((DIRECTORY / "tunables").rglob("*")):
        if file.is_file():
            for name, values in re.findall(r"^@\{(\w+)\}\s*\+?=\s*(.*)$", file.read_text(), re.MULTILINE):
                found.setdefault(name, []).extend(value.strip('"') for value in values.split("#")[0].split())
    found["pid"] = found["tid"] = ["[0-9]*"]
    return found


def strace(prefix: Path, user: str) -> list[str]:
    """What to put before a command line; a file beside `prefix` for each process and thread then.

    strace itself stays root: a process that leaves no core file can be looked into by nobody else."""
    return ["strace", "-ff", "-u", user, "-y", "-s", "4096", "-e", "signal=none", "-e", "trace=" + ",".join(f"?{name}" for name in TRACED), "-o", str(prefix)]


def accesses(prefix: Path, program: str, runs: str) -> set[Access]:
    """`runs` names the profile of what the program executes."""
    found = set()
    for file in prefix.parent.glob(f"{prefix.name}.*"):
        who = program
        for line in file.read_text(errors="replace").splitlines():
            call = CALL.match(line)
            if not call or int(call["result"]) < 0:
                continue
            for path, needs in needs_of(call):
                # As AppArmor sees them, directories end in a slash.
                path += "/" if Path(path).is_dir() else ""
                if path.startswith("/") and not (who == program and needs == "x" and Path(path).name == program):
                    found.add(Access(who, path.removesuffix(" (deleted)"), needs))
            if call["name"] == "execve" and Path(paths_in(call["arguments"])[0]).name != program:
                who = runs
    return found


def needs_of(call: re.Match) -> list[tuple[str, str]]:
    name, arguments = call["name"], call["arguments"]
    if name in ("open", "openat", "creat"):
        writes = "O_RDWR" in arguments or "O_WRONLY" in arguments or name == "creat"
        reads = not writes or "O_RDWR" in arguments
        return [(call["opened"] or "", ("r" if reads else "") + ("w" if writes else ""))]
    if name in ("bind", "connect"):
        return [(path, "w") for path in re.findall(r'sun_path="([^"]+)"', arguments)]
    if name in ("flock", "fcntl"):
        locks = name == "flock" or "F_SETLK" in arguments or "F_OFD_SETLK" in arguments
        return [(path, "k") for path in re.findall(r"^\d+<(/[^>]*)>", arguments)] if locks else []
    if name == "execve":
        return [(paths_in(arguments)[0], "x")]
    ends = paths_in(arguments)
    # Of a link its target is text only; of a rename both ends are changed.
    return [(path, NEEDS[name]) for path in (ends if name.startswith("rename") else ends[-1:])]


def paths_in(arguments: str) -> list[str]:
    return [path if path.startswith("/") else f"{directory}/{path}"
            for directory, path in re.findall(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"', arguments)]
