-- A tenant by login is sealed; headers from outside are deleted and name nobody. SOCKET comes with -D.

SEALED = "X-Mailpool-Seal"
BARE = "X-Mailpool-Tenant"

function message(conn, login, headers)
  if login then
    mt.macro(conn, SMFIC_MAIL, "{auth_authen}", login)
  end
  mt.mailfrom(conn, "<a@shop.example>")
  mt.macro(conn, SMFIC_RCPT, "{rcpt_mailer}", "mailpool")
  mt.rcptto(conn, "<u@free.example>")
  assert(mt.getreply(conn) == SMFIR_CONTINUE, "RCPT")
  -- There is no end of headers to announce: the milter wants none, as it wants no body.
  for _, header in ipairs(headers) do
    mt.header(conn, header[1], header[2])
  end
  mt.eom(conn)
  local reply = mt.getreply(conn)
  assert(reply == SMFIR_CONTINUE or reply == SMFIR_ACCEPT, "end of message")
end

conn = mt.connect(SOCKET, 40, 0.05)
assert(conn ~= nil, "connect")
mt.negotiate(conn, nil, nil, nil)
mt.conninfo(conn, "client.example.com", "198.51.100.7")

message(conn, "shop@shop.example", {{"Subject", "x"}})
assert(mt.eom_check(conn, MT_HDRADD, SEALED), "a login's message is sealed")
assert(string.find(mt.getheader(conn, SEALED, 0), "tenant=shop;"), "with its tenant")

conn2 = mt.connect(SOCKET, 40, 0.05)
mt.negotiate(conn2, nil, nil, nil)
mt.conninfo(conn2, "client.example.com", "198.51.100.7")
message(conn2, nil, {{BARE, "shop"}, {SEALED, "v=1; tenant=shop; time=1; nonce=00; mac=00"}, {BARE, "bank"}})
assert(not mt.eom_check(conn2, MT_HDRADD, SEALED), "a forged header names nobody")
assert(mt.eom_check(conn2, MT_HDRDELETE, BARE), "every copy is deleted")
assert(mt.eom_check(conn2, MT_HDRDELETE, SEALED), "of both headers")

mt.disconnect(conn)
mt.disconnect(conn2)
