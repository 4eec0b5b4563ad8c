// The completion for bash, made from the table of commands.

#include <fmt/format.h>

#include <map>

#include "poolctl/command.h"

namespace mailpool::poolctl {

std::string bash_completion(std::vector<CommandRow> const& commands) {
  std::string first;                          // what may stand first
  std::map<std::string, std::string> second;  // group -> its commands
  std::string options;                        // a case per command
  for (auto const& row : commands) {
    auto const blank = row.words.find(' ');
    auto const word = row.words.substr(0, blank);
    if (blank != std::string::npos) {
      bool const is_known = second.contains(word) || first.ends_with(" " + word);
      if (!is_known) first += " " + word;
      second[word] += " " + row.words.substr(blank + 1);
    } else {
      first += " " + word;
    }
    std::string own;
    for (auto const& option : row.options) own += " " + option;
    options += fmt::format("    '{}') words=\"--help --json{}\" ;;\n", row.words, own);
  }
  std::string groups;
  for (auto const& [group, words] : second)
    groups += fmt::format("    '{}') words=\"--help{}\" ;;\n", group, words);
  return fmt::format(
      R"(# bash completion for poolctl; made by `poolctl completion` from its table of commands.

_poolctl() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command= word words i
  COMPREPLY=()
  if [[ $previous == --socket ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    return
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    [[ $word == --socket ]] && {{ ((i++)); continue; }}
    [[ $word == -* ]] && continue
    case "$command" in
    '') command=$word ;;
{2}    esac
  done
  case "$command" in
    '') words="--help --json --socket --version{0}" ;;
{3}{1}    *) words= ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -F _poolctl poolctl
)",
      first, options,
      [&] {
        std::string pairs;
        for (auto const& [group, words] : second)
          pairs += fmt::format("    '{0}') command=\"{0} $word\" ;;\n", group);
        return pairs;
      }(),
      groups);
}

}  // namespace mailpool::poolctl
