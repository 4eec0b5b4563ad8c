#include "core/replies/reply_class.h"

#include <algorithm>
#include <array>

namespace mailpool::replies {
namespace {

using C = ReplyClass;

constexpr std::array<ClassRow, reply_classes> rows{{
    {C::NoSuchUser, "no_such_user", Hope::Never, Fault::Recipient, "take the address off the list"},
    {C::MailboxFull, "mailbox_full", Hope::Later, Fault::Recipient,
     "try again for some days, then take the address off the list"},
    {C::MailboxDisabled, "mailbox_disabled", Hope::Never, Fault::Recipient,
     "take the address off the list"},
    {C::RelayDenied, "relay_denied", Hope::Never, Fault::Recipient,
     "this server takes no mail for that domain: look at its MX records, or at the route"},
    {C::BadAddressSyntax, "bad_address_syntax", Hope::Never, Fault::Recipient,
     "correct the address"},
    {C::NoSuchDomain, "no_such_domain", Hope::Never, Fault::Recipient,
     "correct the domain of the recipient, or publish that of the sender"},
    {C::Greylisted, "greylisted", Hope::Later, Fault::Nobody,
     "wait: a retry from the same address passes"},
    {C::RateLimited, "rate_limited", Hope::Later, Fault::Pace,
     "send more slowly there: a lower rate for this site"},
    {C::TooManyConnections, "too_many_connections", Hope::Now, Fault::Pace,
     "lower max_connections of this site"},
    {C::TooManyRecipients, "too_many_recipients", Hope::Now, Fault::Pace,
     "lower max_recipients of this site"},
    {C::TooManyMessagesOnConnection, "too_many_messages_on_connection", Hope::Now, Fault::Pace,
     "lower max_messages of this site"},
    {C::IpBlocklisted, "ip_blocklisted", Hope::Never, Fault::Source,
     "have the address taken off the list that the reply names"},
    {C::IpReputation, "ip_reputation", Hope::Later, Fault::Source,
     "send less and better mail from this address, or ask the provider's postmaster"},
    {C::DomainReputation, "domain_reputation", Hope::Never, Fault::Sender,
     "the sending domain has a bad name: look at what it sends"},
    {C::ContentSpam, "content_spam", Hope::Never, Fault::Message,
     "the content is taken for spam: change it, or ask the recipients' consent"},
    {C::ContentVirusOrAttachment, "content_virus_or_attachment", Hope::Never, Fault::Message,
     "take the attachment out"},
    {C::UrlBlocklisted, "url_blocklisted", Hope::Never, Fault::Message,
     "take the link out, or have its domain taken off the list"},
    {C::AuthPolicy, "auth_policy", Hope::Never, Fault::Sender,
     "mend SPF, DKIM or DMARC of the sending domain"},
    {C::ReverseDnsOrHelo, "reverse_dns_or_helo", Hope::Never, Fault::Source,
     "give the address a PTR record that matches its EHLO name"},
    {C::TlsRequiredOrFailed, "tls_required_or_failed", Hope::Never, Fault::Setup,
     "let this site use TLS: its option tls"},
    {C::LoginRequiredOrFailed, "login_required_or_failed", Hope::Never, Fault::Setup,
     "give the route a login, or correct it"},
    {C::MessageTooBig, "message_too_big", Hope::Never, Fault::Message, "send a smaller message"},
    {C::ProtocolError, "protocol_error", Hope::Never, Fault::Message,
     "correct the message's format; else a fault of ours or of the server: look at a trace"},
    {C::ServerBusyOrShutdown, "server_busy_or_shutdown", Hope::Later, Fault::Receiver,
     "wait: the server is busy or going down"},
    {C::ServerFault, "server_fault", Hope::Later, Fault::Receiver,
     "wait: the receiver has a fault of its own"},
    {C::PolicyOther, "policy_other", Hope::Never, Fault::Nobody,
     "a policy of the receiver: read its words, ask its postmaster"},
    {C::Unknown, "unknown", Hope::Later, Fault::Nobody, "read the reply"},
}};

template <std::size_t... I>
constexpr bool are_in_order(std::index_sequence<I...> /*all*/) {
  return ((static_cast<std::size_t>(rows[I].which) == I) && ...);
}
static_assert(are_in_order(std::make_index_sequence<reply_classes>()));

}  // namespace

std::span<ClassRow const> class_rows() {
  return rows;
}

ClassRow const& row_of(ReplyClass which) {
  return rows[static_cast<std::size_t>(which)];
}

std::string_view name_of(Hope hope) {
  switch (hope) {
    case Hope::Now:
      return "now";
    case Hope::Later:
      return "later";
    case Hope::Never:
      break;
  }
  return "never";
}

std::string_view name_of(Fault fault) {
  static constexpr std::array<std::string_view, 8> names{
      "recipient", "message", "sender", "source", "pace", "receiver", "setup", "nobody"};
  return names[static_cast<std::size_t>(fault)];
}

std::optional<ReplyClass> class_named(std::string_view name) {
  auto const row = std::find_if(rows.begin(), rows.end(),
                                [&](ClassRow const& each) { return each.name == name; });
  if (row == rows.end()) return std::nullopt;
  return row->which;
}

}  // namespace mailpool::replies
