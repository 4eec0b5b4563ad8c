divert(-1)
dnl
dnl FEATURE(`mailpool' [, `SOCKET' [, `RUNNERS']]): all remote mail leaves by MAILER(`mailpool').
dnl
dnl SOCKET    default: /run/mailpool/lmtp.sock
dnl RUNNERS    processes of a queue run (default: 30); 0 leaves the queue as it is
dnl
dnl What is local, relayed by SMART_HOST or routed by a mailertable keeps its way.
dnl
dnl New mail is delivered by a process of its own. What had to wait is retried by queue runs, and a run of one process
dnl would wait for a slow domain with everything behind it. So the queue gets RUNNERS of them, more than one domain can
dnl hold up: [smtp] max_connections and max_waiting of mailpool.toml together, 10 and 10 for Sendmail. Each runner has its
dnl fixed share of the queue; what stands behind a hanging message is the next run's, MAILPOOL_QUEUE_INTERVAL later
dnl (default: 1m). A message that waits for a limit costs its runner at most [lmtp] max_wait.
dnl
dnl To Sendmail all domains have one host, the socket. What it remembers of a host across processes would stop every domain
dnl at once, so it is not remembered; and one connection kept open per process serves all of them.
dnl
divert(0)
VERSIONID(`mailpool.m4')
divert(-1)

ifelse(defn(`_ARG_'), `', `', `define(`MAILPOOL_SOCKET', _ARG_)')
define(`_MAILPOOL_RUNNERS', ifelse(len(X`'_ARG2_), `1', `30', _ARG2_))
ifdef(`MAILPOOL_QUEUE_INTERVAL', `', `define(`MAILPOOL_QUEUE_INTERVAL', `1m')')
define(`confSMTP_MAILER', `mailpool')
undefine(`confHOST_STATUS_DIRECTORY')
define(`confMCI_CACHE_SIZE', `1')
ifelse(_MAILPOOL_RUNNERS, `0', `',
	`QUEUE_GROUP(`mqueue', `P='ifdef(`QUEUE_DIR', `QUEUE_DIR', `/var/spool/mqueue')`, F=f, R='_MAILPOOL_RUNNERS`, I='MAILPOOL_QUEUE_INTERVAL)')
