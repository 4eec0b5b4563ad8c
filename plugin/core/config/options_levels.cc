// Options of the levels that limits are counted at, beside the site: the total, a recipient domain,
// a source, a sender domain, a tenant.

#include "core/config/options_levels.h"

#include "core/config/source_values.h"
#include "core/config/table.h"

namespace mailpool {
namespace {

using value::ListOf;
using value::number;

Row add_max_connections(Table& table, char const* sentence) {
  return table.add("max_connections", &LevelSettings::max_connections, number(1, 100'000))
      .says(sentence);
}

void add_message_rates(Table& table, char const* rate, char const* recipient_rate) {
  table.add("rate", &LevelSettings::rate, value::rate()).says(rate).for_example("\"5/s\"");
  table.add("recipient_rate", &LevelSettings::recipient_rate, value::rate())
      .says(recipient_rate)
      .for_example("\"5000/h, burst 100\"");
}

void add_accept_rate(Table& table, char const* sentence) {
  table.add("accept_rate", &LevelSettings::accept_rate, value::rate())
      .says(sentence)
      .note(
          "Counted when the MTA is asked to take a recipient, before anything is queued, and never "
          "given back.")
      .for_example("\"600/min, burst 50\"");
}

void add_max_recipients(Table& table) {
  table.add("max_recipients", &LevelSettings::max_recipients, number(1, 10'000))
      .says("How many recipients one transaction may have, where the site would take more.")
      .for_example("50");
}

}  // namespace

void add_total(Table& table) {
  table.begin(Section::Total);
  add_max_connections(table, "How many connections may be open at once, to all sites together.")
      .note("Beyond it idle connections of other sites are closed to make room.")
      .for_example("2000");
  add_message_rates(table, "How many transactions may begin, to all sites together.",
                    "How many recipients these may have together.");
  table.add("connect_rate", &LevelSettings::connect_rate, value::rate())
      .says("How many connections may be opened, to all sites together.")
      .for_example("\"100/s\"");
}

void add_domain(Table& table) {
  table.begin(Section::Domain);
  add_max_connections(table, "How many of its site's connections this domain may use at once.")
      .for_example("2");
  add_message_rates(table, "How many transactions to it may begin.",
                    "How many recipients these may have together.");
  add_max_recipients(table);
  add_accept_rate(
      table, "How many recipients there mailpool-milter accepts; beyond it they get 451 4.7.1.");
}

void add_sources(Table& table) {
  using S = SourceSettings;
  table.begin(Section::Source);
  table.add("address", &S::address, value::Addresses{})
      .says("The local addresses to send from, one IPv4 and one IPv6 address at most.")
      .note(
          "With an address of one family alone, hosts of the other are not used from this source. "
          "None: the system chooses.")
      .for_example("[\"192.0.2.10\", \"2001:db8::10\"]");
  table.add("ehlo_name", &S::ehlo_name, value::host_name_or_empty())
      .says("The name given in EHLO on connections from this source; \"\": that of hostname.")
      .note("It should have an address record that leads to the source's address, and back.")
      .for_example("\"out1.example.com\"");
  add_max_connections(table,
                      "How many connections from it may be open at once, to all sites together.")
      .for_example("200");
  add_message_rates(table, "How many transactions may begin on connections from it.",
                    "How many recipients these may have together.");
  table.add("connect_rate", &LevelSettings::connect_rate, value::rate())
      .says("How many connections may be opened from it.")
      .for_example("\"20/s\"");
  table.add("warm_up", &S::warm_up, value::WarmUpPlan{})
      .says("How many messages a new address sends to each site on its first days, by UTC.")
      .note(
          "plan has a number for each day from start on, and nothing is sent before; after the "
          "last day there is no such limit. What is beyond goes to another source of the pool, or "
          "waits. Another start begins the plan anew.")
      .for_example("{ start = \"2026-12-01\", plan = [50, 100, 500, 1000, 5000] }");
  table.add("warm_up_hold_above", &S::warm_up_hold_above, number(0, 100))
      .says("The percentage of a day's messages that a site may put off while warm_up goes on.")
      .note(
          "Above it the site gets the same number again on the next day, and the plan goes on "
          "there "
          "after a better one. Put off is what was answered that the address sends too much or is "
          "not trusted, connections refused so too; greylisting is not. A day of fewer than ten "
          "answers holds nothing, unless nothing was taken and three were put off. 100: never.");
  table.begin(Section::Pool);
  table.add("sources", &PoolSettings::sources, value::Weights{})
      .says("The names of sources, and how the messages are divided among them.")
      .note(
          "The shares hold over time, counted in messages. Who may send now goes first: a source "
          "whose path to the site has room, is not suspended, and whose hosts answer it.")
      .for_example("{ west = 1 }");
  table.add("spill", &PoolSettings::spill, value::YesNo{})
      .says("Whether other sources take over what one of them may not send now.")
      .note(
          "Without it a message waits for the source whose turn it was, and the part of one that "
          "is suspended or slowed down stays unsent that long. A warm_up is never exceeded.");
}

void add_senders(Table& table) {
  table.begin(Section::SenderDomain);
  add_max_connections(table, "How many connections its messages may use at once, at all sites.")
      .for_example("20");
  add_message_rates(table, "How many transactions from it may begin.",
                    "How many recipients these may have together.");
  add_max_recipients(table);
  table.add("source", &SenderDomainSettings::source, value::source())
      .says("The [source.NAME] or [pool.NAME] that its mail is sent from.")
      .note("The source of the message's tenant wins.")
      .for_example("\"west\"");
  table.add("login", &SenderDomainSettings::login, value::login_name())
      .says("The [login.NAME] that its mail uses where the route has a login.")
      .note("A login is never tried at hosts that no [route] with a login names.")
      .for_example("\"smarthost\"");

  using S = TenantSettings;
  table.begin(Section::Tenant);
  table.add("sender_domains", &S::sender_domains, ListOf{value::domain(), 0, 10000})
      .says("Sender domains whose mail is this tenant's, unless a header says otherwise.")
      .for_example("[\"example.com\"]");
  table.add("logins", &S::logins, ListOf{value::login(), 0, 10000})
      .says("SMTP logins whose mail is this tenant's: mailpool-milter seals it so.")
      .for_example("[\"shop@example.com\"]");
  table.add("clients", &S::clients, ListOf{value::network(), 0, 1000})
      .says("SMTP clients whose mail is this tenant's: mailpool-milter seals it so.")
      .for_example("[\"192.0.2.0/28\"]");
  table.add("priority", &S::priority, number(1, 100))
      .says("Its turns among those that wait for the same site, in proportion.")
      .note(
          "A tenant with 100 goes ten times as often as one with 10, which is what mail without a "
          "tenant has; nobody waits forever.");
  add_max_connections(table, "How many connections its messages may use at once, at all sites.")
      .for_example("50");
  add_message_rates(table, "How many of its transactions may begin.",
                    "How many recipients these may have together.");
  add_max_recipients(table);
  add_accept_rate(
      table, "How many recipients mailpool-milter accepts of it; beyond it they get 451 4.7.1.");
  table.add("source", &S::source, value::source())
      .says("The [source.NAME] or [pool.NAME] that its mail is sent from.")
      .for_example("\"both\"");
}

}  // namespace mailpool
