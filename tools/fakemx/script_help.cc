// The script language, in words.
#include "fakemx/script.h"

namespace mailpool::fakemx {

std::string_view script_help() {
  return R"(A script is made of lines: comments (#), settings, and rules. The first rule that is meant is taken.

  set NAME VALUE                          a setting, as the flag of that name: set rtt 50ms
  STAGE[,STAGE...] [CONDITION...] -> ACTION [; ACTION...]

STAGES
  connect              instead of the greeting
  ehlo helo lhlo starttls mail rcpt data rset noop vrfy quit
                       instead of the reply to that command, if it came in a legal place
  auth                 the same for AUTH (see --auth), and for each line of the client that follows a 334
  tls                  the ClientHello is there and was not answered
  body                 at=N octets of the content have arrived (counted as they came; 0: before the first)
  bdat                 the octets of a chunk have arrived
  end                  the message is complete; with LMTP once for each recipient, in order
  idle                 after=T without a command, outside of a transaction

CONDITIONS (all must hold). N: 3, 2-5, 4-, %10 (every tenth), or several with commas between
  conn=N listener=N    the n-th connection; by the n-th address of --listen
  message=N total=N    the n-th MAIL of the connection; of all. At idle: so many messages were completed before
  rcpt=N chunk=N       the n-th RCPT of the transaction; the n-th BDAT of the message
  nth=N                the n-th time that all else holds
  to=P[,P...]          a recipient: the one of RCPT; at data, body and bdat any accepted one; at end any (LMTP: the one
                       whose reply is due). P with * and ?; without an @ it is a domain; <> is the empty address
  from=P helo=P tls=yes|no odds=5%
  at=N (body)  after=T (idle)

ACTIONS (in order; T: 500ms, 30s, 5m)
  CODE TEXT            a reply, with what its code brings about (2xx to mail: a transaction; 354 to data: content follows;
                       2xx at end: the message is logged first). \n in TEXT begins a further line; at end, {tok} is the
                       token. Before the end of the content: the rest is thrown away and gets no reply of its own
  normal               what the server does by itself
  silent               no reply; the next command is read
  send [N *] "TEXT"    octets as they are (N times); they bring nothing about
  endless [every T] "TEXT"     again and again, without end
  delay T              then go on
  trickle N T          what follows leaves N octets at a time, every T
  split A,B.. [T]      what follows is cut behind the octets A, B.., with T (1ms) between
  flush                what was said leaves now, in a segment of its own
  hang                 no word ever again
  close  drop  reset   FIN (under TLS behind a close_notify); FIN alone; RST
  half-close           FIN, but the server goes on reading
  stop-reading [T]     the client's window fills
  commit               (end) the message is logged as accepted, now
  without EXTENSION    (ehlo, lhlo) does not announce it
  announce "LINE"      (ehlo, lhlo) announces that besides
  alert [N]            fatal TLS alert; before the handshake number N (40), within TLS bad_record_mac
  close-notify  ticket  key-update  renegotiate     TLS without a word of SMTP
  signal NAME PID|@FILE        sends a signal (KILL TERM STOP CONT HUP INT USR1 USR2) to a process
  die                  fakemx ends itself with SIGKILL
A rule without a reply or an end (delay, trickle, commit, without ...) is followed by `normal`, save at idle.
Text: \r \n \t \0 \\ \" \; \xHH; quotes keep blanks and semicolons.

EXAMPLES
  rcpt to=*@full.example -> 452 4.2.2 Mailbox full
  mail message=3-        -> 421 4.7.0 Too many messages; close
  connect nth=%5         -> 554 5.7.1 Go away; close
  ehlo                   -> without CHUNKING; announce "X-NEW 1"
  ehlo tls=yes           -> without PIPELINING
  starttls               -> normal; send "250 injected\r\n"
  auth nth=2-            -> 454 4.7.0 Not now
  tls                    -> send "no TLS here\r\n"
  body to=u@slow.example at=1000 -> 552 5.3.4 Too much; close
  body at=0              -> stop-reading
  bdat chunk=2           -> 503 5.5.1 Not now
  end nth=2              -> commit; close
  end                    -> send "garbage\r\n"; normal
  end to=second@b.example -> close
  end                    -> trickle 1 100ms
  mail                   -> send 10000000 * "x"
  noop                   -> endless every 1ms "250-more\r\n"
  rset                   -> delay 2s
  idle after=500ms       -> 421 4.4.2 Timeout; close
  idle after=1s message=1 -> ticket
  end nth=17             -> commit; signal KILL @/tmp/client.pid; hang
)";
}

}  // namespace mailpool::fakemx
