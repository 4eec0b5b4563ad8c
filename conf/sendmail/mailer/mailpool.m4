PUSHDIVERT(-1)
dnl
dnl MAILER(`mailpool'): mail leaves through mailpool, by LMTP over its Unix socket. Goes below MAILER(`smtp').
dnl FEATURE(`mailpool') above it sends all remote mail this way; without it, a mailertable entry does:
dnl example.org	mailpool:example.org
dnl
dnl MAILPOOL_SOCKET		the socket (default: /run/mailpool/lmtp.sock); the real one, Sendmail follows no link
dnl MAILPOOL_MAILER_FLAGS		further flags
dnl MAILPOOL_MAILER_MAXRCPTS	recipients per transaction (default: Sendmail's, 100)
dnl MAILPOOL_MAILER_QGRP		its queue group
dnl
dnl The flags: several recipients at once (m), LMTP (z), dots are stuffed (X), 8-bit data as it is (8), upper case stays
dnl upper case (u), the usual header fields (DFM), no complaint that the other end has our name, because it has (k). And W:
dnl what Sendmail remembers of a failed host is of no use here, since to it every domain is at one host, the socket.
dnl

ifdef(`_MAILER_smtp_', `',
	`errprint(`*** MAILER(`mailpool') must appear after MAILER(`smtp')
')')dnl
_DEFIFNOT(`_DEF_MAILPOOL_MAILER_FLAGS', `mDFMuXzk8W')
_DEFIFNOT(`MAILPOOL_MAILER_FLAGS', `')
ifdef(`MAILPOOL_SOCKET',, `define(`MAILPOOL_SOCKET', `/run/mailpool/lmtp.sock')')
define(`_MAILPOOL_QGRP', `ifelse(defn(`MAILPOOL_MAILER_QGRP'),`',`', ` Q=MAILPOOL_MAILER_QGRP,')')dnl

POPDIVERT

#########################################
###   mailpool Mailer specification   ###
#########################################

VERSIONID(`mailpool.m4')

Mmailpool,	P=[IPC], F=_MODMF_(CONCAT(_DEF_MAILPOOL_MAILER_FLAGS, MAILPOOL_MAILER_FLAGS), `MAILPOOL'),
		S=EnvFromSMTP/HdrFromSMTP, R=ifdef(`_ALL_MASQUERADE_', `EnvToSMTP/HdrFromSMTP', `EnvToSMTP'), E=\r\n, L=0,
		_OPTINS(`MAILPOOL_MAILER_MAXRCPTS', `r=', `, ')T=DNS/RFC822/SMTP,_MAILPOOL_QGRP
		A=FILE MAILPOOL_SOCKET
