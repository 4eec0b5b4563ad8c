"""Dovecot's configuration, in the words of the release that is here: 2.4 (Debian 13) has others than 2.3 (Debian 12)."""

import subprocess
from functools import cache
from pathlib import Path


@cache
def is_new() -> bool:
    """Whether this is Dovecot 2.4 or later."""
    version = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in version.split()[0].split(".")[:2]) >= (2, 4)


def head() -> str:
    """What a file of 2.4 begins with: whose defaults it counts on."""
    return "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n" if is_new() else ""


def of_server(**facts: object) -> str:
    """A server that asks a file for its users' passwords, and keeps a maildir for each."""
    return head() + COMMON.format(**facts) + (NEW if is_new() else OLD).format(**facts)


def of_imapc(home: Path, port: int, user: str, password: str) -> str:
    """For doveadm, as a client of another server."""
    facts = {"home": home, "port": port, "user": user, "password": password}
    return head() + IMAPC.format(**facts) + (NEW_IMAPC if is_new() else OLD_IMAPC).format(**facts)


def of_tokens(keys: Path) -> str:
    """Tokens of OAuth 2 that Dovecot validates by itself, by the keys below `keys`."""
    if is_new():
        return NEW_TOKENS.format(keys=keys)
    settings = keys / "oauth2.conf"
    settings.write_text(f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={keys}/\nusername_attribute = sub\n")
    return OLD_TOKENS.format(settings=settings)


COMMON = """\
base_dir = {run}
state_dir = {run}
log_path = {log}
instance_name = lab
listen = 127.0.0.1
default_internal_user = guest
default_internal_group = guest
default_login_user = guest
default_vsz_limit = 512M
first_valid_uid = 1
auth_mechanisms = plain login
auth_failure_delay = {failure_delay}
auth_verbose = yes
mail_max_userip_connections = 100000
ssl = yes
ssl_min_protocol = TLSv1.2
shutdown_clients = yes
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  process_min_avail = 1
  client_limit = 2000
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 2000
}}
service anvil {{
  client_limit = 6000
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  client_limit = 6000
}}
service auth-worker {{
  user = guest
}}
service stats {{
  client_limit = 4000
}}
"""

OLD = """\
protocols = imap
disable_plaintext_auth = no
ssl_cert = <{certificate}
ssl_key = <{key}
mail_location = maildir:{mail}/%u
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {users}
}}
userdb {{
  driver = static
  args = uid=guest gid=guest home={mail}/%u
}}
service imap-login {{
  service_count = 0
}}
"""

NEW = """\
protocols {{
  imap = yes
}}
auth_allow_cleartext = yes
ssl_server_cert_file = {certificate}
ssl_server_key_file = {key}
mail_driver = maildir
mail_path = {mail}/%{{user}}
passdb passwd-file {{
  default_password_scheme = PLAIN
  passwd_file_path = {users}
}}
userdb static {{
  fields {{
    uid = guest
    gid = guest
    home = {mail}/%{{user}}
  }}
}}
service imap-login {{
  restart_request_count = unlimited
}}
"""

OLD_TOKENS = """\
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {settings}
}}
"""

NEW_TOKENS = """\
passdb oauth2 {{
  mechanisms_filter = xoauth2 oauthbearer
}}
oauth2 {{
  introspection_mode = local
  username_attribute = sub
  oauth2_local_validation {{
    dict fs {{
      fs posix {{
        fs_posix_prefix = {keys}/
      }}
    }}
  }}
}}
"""

IMAPC = """\
base_dir = {home}/run
log_path = {home}/imapc.log
default_internal_user = guest
default_internal_group = guest
default_login_user = guest
mail_uid = guest
mail_gid = guest
first_valid_uid = 1
imapc_host = 127.0.0.1
imapc_port = {port}
imapc_user = {user}
imapc_password = {password}
"""

OLD_IMAPC = """\
mail_location = imapc:{home}/imapc
imapc_features = rfc822.size fetch-headers
"""

NEW_IMAPC = """\
mail_driver = imapc
mail_path = {home}/imapc
"""
