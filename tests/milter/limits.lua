-- Recipients beyond a domain's accept_rate are deferred, others are not. SOCKET and FULL come with -D.

conn = mt.connect(SOCKET, 40, 0.05)
assert(conn ~= nil, "connect")
mt.negotiate(conn, nil, nil, nil)
mt.conninfo(conn, "client.example.com", "198.51.100.7")
mt.mailfrom(conn, "<a@shop.example>")

for i = 1, 2 do
  mt.macro(conn, SMFIC_RCPT, "{rcpt_mailer}", "mailpool")
  mt.rcptto(conn, "<u" .. i .. "@" .. FULL .. ">")
  assert(mt.getreply(conn) == SMFIR_CONTINUE, "within the limit")
end
mt.macro(conn, SMFIC_RCPT, "{rcpt_mailer}", "mailpool")
mt.rcptto(conn, "<u3@" .. FULL .. ">")
assert(mt.getreply(conn) == SMFIR_REPLYCODE, "beyond the limit")

-- Somebody else's recipients, and other domains.
mt.macro(conn, SMFIC_RCPT, "{rcpt_mailer}", "local")
mt.rcptto(conn, "<u4@" .. FULL .. ">")
assert(mt.getreply(conn) == SMFIR_CONTINUE, "a local recipient")
mt.macro(conn, SMFIC_RCPT, "{rcpt_mailer}", "mailpool")
mt.rcptto(conn, "<u5@free.example>")
assert(mt.getreply(conn) == SMFIR_CONTINUE, "a domain without a limit")

mt.disconnect(conn)
