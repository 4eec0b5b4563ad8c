#include "core/config/table.h"

namespace mailpool {

using namespace std::chrono_literals;
using value::duration;
using value::ListOf;
using value::OneOf;

void add_milter(Table& table) {
  using S = MilterSettings;
  auto const reply = OneOf{std::array{MilterReply::Accept, MilterReply::Tempfail}};
  table.begin(Section::Milter);
  table.add("listen", &S::listen, value::socket_path_or_empty())
      .says("The Unix socket of mailpool-milter, for smtpd_milters or INPUT_MAIL_FILTER.")
      .note(
          "Empty, it is mailpool-milter/milter.sock in Postfix's queue directory (beside the map's "
          "directory) where there is one, else /run/mailpool-milter/milter.sock. Options of this "
          "section that mailpool-milter reads take effect when it is restarted.");
  table.add("key_file", &S::key_file, value::path_or_empty())
      .says(
          "The key that seals a message's tenant and campaign, for mailpoold and mailpool-milter.")
      .note(
          "A key a line: the first one seals, each of them is believed. The file belongs to root "
          "or "
          "to the user that reads it, and nobody but its owner and its group can read it (mode "
          "0640 "
          "or 0600); else it counts as no key, and the log says why. A systemd credential named "
          "\"seal.key\" comes before this file. Without a key no tenant is handed on by the "
          "milter.");
  table.add("allow_users", &S::allow_users, ListOf{value::user(), 0, 64})
      .says("The users that may ask mailpoold for room; each question counts against accept_rate.");
  table.add("tenant_from", &S::tenant_from, ListOf{value::tenant_source(), 0, 16})
      .says("Where the milter finds a message's tenant; the first that names one wins.")
      .note(
          "\"header:NAME\" is a header of the message, believed from header_clients and from "
          "programs on this machine only, and deleted in any case; \"login\" looks for the SMTP "
          "login in [tenant.NAME] logins, \"client\" for the client's address in [tenant.NAME] "
          "clients.");
  table.add("campaign_header", &S::campaign_header, value::campaign_header())
      .says("The header that names a message's campaign, to be sealed.")
      .note(
          "Believed from header_clients and from programs on this machine only, and deleted in any "
          "case. Programs write it beside the tenant's; poolctl counts and suspends by it.");
  table.add("header_clients", &S::header_clients, ListOf{value::network(), 0, 1000})
      .says("Networks whose clients may name tenant and campaign by a header.");
  table.add("mailers", &S::mailers, ListOf{value::mailer(), 0, 100})
      .says("The MTA's transports or mailers that lead to mailpool: others are accepted unasked.")
      .note(
          "The MTA tells it as {rcpt_mailer}; where it does not, mailpoold is asked about every "
          "domain. With a name goes the same with \"-backlog\" behind it, which Postfix's table "
          "gives to mail that waits.");
  table.add("on_suspended", &S::on_suspended, reply)
      .says("What a recipient gets whose domain or site is suspended.")
      .note("The MTA's queue is the place to wait; \"tempfail\" leaves it to the sender's.");
  table.add("on_manager_down", &S::on_manager_down, reply)
      .says("What recipients get while mailpoold is down, slow or of another version.");
  table.add("deadline", &S::deadline, duration(1ms, 1s))
      .says("How long the milter waits for mailpoold; then mailpoold counts as down.");
  table.add("cache", &S::cache, duration(0s, 1min))
      .says("How long the milter remembers an answer that no limit is behind.")
      .note(
          "One that there is no room is remembered too, but at most until there is room again. "
          "While mailpoold is away, what is remembered still counts.");
}

}  // namespace mailpool
