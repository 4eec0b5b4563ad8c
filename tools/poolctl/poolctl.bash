# bash completion for poolctl; made by `poolctl completion` from its table of commands.

_poolctl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= word words i
  COMPREPLY=()
  if [[ $previous == --socket ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    return
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    [[ $word == --socket ]] && { ((i++)); continue; }
    [[ $word == -* ]] && continue
    case "$command" in
    '') command=$word ;;
    'imap') command="imap $word" ;;
    'postfix') command="postfix $word" ;;
    'queue') command="queue $word" ;;
    'sendmail') command="sendmail $word" ;;
    esac
  done
  case "$command" in
    '') words="--help --json --socket --version status connections explain suspend resume flush drain undrain reload imap check tls-report test-reply queue postfix sendmail completion" ;;
    'imap') words="--help connections flush kill pause resume" ;;
    'postfix') words="--help enable disable status lookup" ;;
    'queue') words="--help hold release delete" ;;
    'sendmail') words="--help snippet check" ;;
    'status') words="--help --json --watch --rows" ;;
    'connections') words="--help --json --rows" ;;
    'explain') words="--help --json --from --tenant --campaign" ;;
    'suspend') words="--help --json --domain --tenant --all --sender-domain --source --campaign --for --reason" ;;
    'resume') words="--help --json --domain --tenant --all --sender-domain --source --campaign --total" ;;
    'flush') words="--help --json" ;;
    'drain') words="--help --json" ;;
    'undrain') words="--help --json" ;;
    'reload') words="--help --json" ;;
    'imap') words="--help --json --rows" ;;
    'imap connections') words="--help --json --rows" ;;
    'imap flush') words="--help --json" ;;
    'imap kill') words="--help --json" ;;
    'imap pause') words="--help --json" ;;
    'imap resume') words="--help --json" ;;
    'check') words="--help --json --nagios" ;;
    'tls-report') words="--help --json --day" ;;
    'test-reply') words="--help --json --site --domain --at --config --file --replies" ;;
    'queue') words="--help --json --site --tenant --campaign --sender --domain --reason --config-directory --list --sendmail" ;;
    'queue hold') words="--help --json --site --tenant --campaign --sender --domain --reason --config-directory --all --dry-run --yes" ;;
    'queue release') words="--help --json --site --tenant --campaign --sender --domain --reason --config-directory --all --dry-run --yes" ;;
    'queue delete') words="--help --json --site --tenant --campaign --sender --domain --reason --config-directory --all --dry-run --yes" ;;
    'postfix enable') words="--help --json --simple --dry-run --config-directory" ;;
    'postfix disable') words="--help --json --force --dry-run --config-directory" ;;
    'postfix status') words="--help --json --log --config-directory" ;;
    'postfix lookup') words="--help --json --config-directory" ;;
    'sendmail snippet') words="--help --json --config" ;;
    'sendmail check') words="--help --json --cf --config" ;;
    'completion') words="--help --json" ;;
    *) words= ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _poolctl poolctl
