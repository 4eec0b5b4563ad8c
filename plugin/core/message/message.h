#pragma once
// One message as the MTA handed it over: RFC 5321's envelope and the body.

#include <cstdint>
#include <string>
#include <vector>

#include "core/message/body.h"

namespace mailpool {

struct Recipient {
  std::string address;      ///< as in RCPT TO, without the angle brackets; never holds CR, LF, NUL
  std::string domain;       ///< what delivery goes by: behind the last @, A-label, lower case;
                            ///< "[192.0.2.1]" for an address literal
  std::string notify = {};  ///< DSN's NOTIFY (RFC 3461 4.1), checked: "NEVER", "SUCCESS,DELAY"
  std::string original = {};  ///< DSN's ORCPT, in xtext: "rfc822;u@example.org"
};

/// What the header fields said that tell a message's tenant and campaign, before they were removed;
/// nothing of it is believed yet.
struct TenantMarks {
  std::vector<std::string> seals;      ///< X-Mailpool-Seal
  std::vector<std::string> names;      ///< X-Mailpool-Tenant
  std::vector<std::string> campaigns;  ///< X-Mailpool-Campaign
};

struct Envelope {
  std::string sender;  ///< without the angle brackets; empty for bounces
  std::vector<Recipient> recipients;
  bool smtputf8 = false;         ///< the MTA said SMTPUTF8
  bool eight_bit = false;        ///< the MTA said BODY=8BITMIME
  bool require_tls = false;      ///< the MTA said REQUIRETLS (RFC 8689)
  bool tls_required_no = false;  ///< the header says "TLS-Required: No", once (RFC 8689)
  std::uint8_t queue = 255;  ///< which of the MTA's queues it is in; 255: of none that can be asked
  std::string queue_id;  ///< the MTA's, from XFORWARD IDENT or the newest Received line; else the
                         ///< manager's own
  std::string sender_domain;  ///< of the sender, as `domain` of a recipient; "" for none
  TenantMarks marks;
  std::string tenant;           ///< who sends, or "": found from the marks and the sender
  std::string campaign;         ///< what it belongs together with, or "": from the marks
  std::string client;           ///< who handed it over, for the log: "postfix[1234]"
  std::string dsn_return = {};  ///< DSN's RET (RFC 3461 4.3): "FULL", "HDRS"
  std::string dsn_id = {};      ///< DSN's ENVID, in xtext
  /// The MTA leaves NOTIFY=SUCCESS to us: a server that does not take it on must not get the mail.
  bool success_is_promised = false;
};

struct Message {
  Envelope envelope;
  Body body;
};

}  // namespace mailpool
