// Options of [[rule]]: what to do when a server says something.

#include "core/config/options_rules.h"

#include "core/config/rule_values.h"
#include "core/config/table.h"

namespace mailpool {

void add_rules(Table& table) {
  using namespace std::chrono_literals;
  using S = RuleSettings;
  using value::OneOf;
  table.begin(Section::Rule);
  table.add("site", &S::site, value::rule_site())
      .says("The site whose servers say it; \"*\": any.")
      .note("A rule has a site or a domain.")
      .for_example("\"google\"");
  table.add("domain", &S::domain, value::rule_domain())
      .says("The recipient domain whose mail gets the reply; what is done then concerns it alone.");
  table.add("reply", &S::reply, value::rule_pattern())
      .says("What the reply looks like: a regular expression (RE2) found anywhere in it.")
      .note(
          "A reply is its code, its enhanced code and its text in one line, such as \"421 4.7.28 "
          "Our system has detected an unusual rate\"; only replies of 4xx and 5xx are looked at. "
          "Write it in single quotes, with one backslash before each character that is meant "
          "itself. Replies that mailpool made itself never match, nor do words that the server "
          "only repeats: what stands in angle brackets, addresses, domains and the name that we "
          "said are \"...\" there.")
      .for_example("'^421 4\\.7\\.28'");
  table
      .add("at", &S::at,
           OneOf{std::array{Step::Connect, Step::Ehlo, Step::Mail, Step::Rcpt, Step::Data,
                            Step::End}})
      .says("Where in the conversation it must be said; anywhere without this.")
      .for_example("\"mail\"");
  table.add("after", &S::after, value::threshold())
      .says("How many messages must get the reply within a time before the rule acts.")
      .note("Without it the first one is enough. It is counted for each site by itself.")
      .for_example("\"3/h\"");
  table
      .add("do", &S::action,
           OneOf{std::array{RuleAction::Suspend, RuleAction::BackOff, RuleAction::Set}})
      .says("Suspend the site or domain, leave the host that said it alone, or set tighter limits.")
      .for_example("\"set\"");
  table.add("for", &S::how_long, value::duration(1s, 24h * 7))
      .says("How long what is done then holds.")
      .for_example("\"1h\"");
  table.add("set", &S::set, value::Limits{})
      .says("With do = \"set\": the limits for that time; they never loosen the configured ones.")
      .note("For rules of a site.")
      .for_example("{ rate = \"10/min\", max_connections = 1 }");
  table
      .add("scope", &S::scope,
           OneOf{std::array{RuleScope::Path, RuleScope::Site, RuleScope::Source,
                            RuleScope::SenderDomain, RuleScope::Tenant, RuleScope::Campaign}})
      .says("Whose mail it concerns, and over what the reply is counted.")
      .note(
          "\"path\": what leaves from the same source to the site, since most providers judge the "
          "address that connects; all mail to the site where it has no sources. \"site\": all mail "
          "to the site, whatever its source. \"source\": what leaves from the same source, to all "
          "sites; \"sender_domain\", \"tenant\", \"campaign\": the mail of the sender's domain, "
          "the tenant or the campaign to the site; a message that has none is left alone. The last "
          "four can be suspended alone.");
  table.add("reason", &S::reason, value::rule_reason())
      .says("Why, for whoever reads the status; the reply itself without this.")
      .for_example("\"Google asks us to slow down\"");
}

}  // namespace mailpool
