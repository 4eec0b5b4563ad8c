#include "fakemx/stats.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/text.h"

namespace mailpool::fakemx {

namespace {

constexpr std::array<std::string_view, client_violation_count> violation_names{
    "talks_before_greeting",
    "early_command",
    "bad_sequence",
    "nested_mail",
    "second_hello",
    "unknown_command",
    "syntax",
    "unannounced_command",
    "unannounced_parameter",
    "unannounced_utf8",
    "too_large",
    "beyond_limits",
    "bare_cr",
    "bare_lf",
    "nul",
    "unstuffed_dot",
    "bdat_without_reset",
    "after_quit"};

constexpr std::size_t most_examples = 5;
constexpr std::size_t most_domains = 10'000;
constexpr std::size_t most_seconds = 86'400;

}  // namespace

std::string_view name_of(ClientViolation violation) {
  return violation_names[static_cast<std::size_t>(violation)];
}

void Stats::integrate(TimePoint now) {
  if (first_connection_ != never)
    open_seconds_ += static_cast<double>(open_) * seconds(now - integrated_at_);
  integrated_at_ = now;
}

double Stats::mean_open(TimePoint now) const {
  if (first_connection_ == never || now <= first_connection_) return 0;
  auto const total = open_seconds_ + static_cast<double>(open_) * seconds(now - integrated_at_);
  return total / seconds(now - first_connection_);
}

void Stats::connection_opened(TimePoint now) {
  integrate(now);
  if (first_connection_ == never) first_connection_ = now;
  ++connections;
  most_open_ = std::max(most_open_, ++open_);
}

void Stats::connection_closed(TimePoint now, std::uint64_t transactions, bool after_quit) {
  integrate(now);
  if (open_ > 0) --open_;
  ++transactions_[transactions];
  if (!after_quit) ++ended_without_quit_;
}

void Stats::violation(ClientViolation kind, std::uint64_t connection, std::string_view example) {
  auto& entry = violations_[static_cast<std::size_t>(kind)];
  ++entry.count;
  if (entry.examples.size() < most_examples)
    entry.examples.push_back("connection " + std::to_string(connection) + ": " +
                             printable(example, 200));
}

void Stats::accepted(TimePoint now, std::uint64_t octets, std::size_t recipients) {
  if (first_message_ == never) first_message_ = now;
  last_message_ = now;
  ++messages_;
  recipients_ += recipients;
  octets_ += octets;
  auto const second = static_cast<std::size_t>((now - first_message_) / std::chrono::seconds(1));
  if (second >= most_seconds) return;
  if (per_second_.size() <= second) per_second_.resize(second + 1);
  ++per_second_[second];
}

void Stats::accepted_for(std::string_view domain) {
  auto const name = ascii_lower(domain);
  auto const found = domains_.find(name);
  if (found != domains_.end())
    ++found->second;
  else
    ++domains_[domains_.size() < most_domains ? name : "(others)"];
}

void Stats::reset(TimePoint now) {
  auto const open = open_;
  *this = Stats();
  open_ = most_open_ = open;
  if (open > 0) first_connection_ = now;
  integrated_at_ = now;
}

std::string Stats::to_json(Provider const& provider, TimePoint now) const {
  using nlohmann::ordered_json;
  ordered_json json;
  json["connections"] = {{"total", connections},
                         {"open", open_},
                         {"max", most_open_},
                         {"mean_open", mean_open(now)},
                         {"refused", refused_connections},
                         {"ended_without_quit", ended_without_quit_}};
  json["messages"] = messages_;
  json["recipients"] = recipients_;
  json["octets"] = octets_;
  json["refused_messages"] = refused_messages;
  json["undeclared_eight_bit"] = undeclared_eight_bit;
  json["late_mails"] = late_mails;
  json["rules_met"] = rules_met;
  for (std::size_t i = 0; i < verb_count; ++i)
    json["commands"][std::string(name_of(static_cast<Verb>(i)))] = commands[i];
  auto& transactions = json["transactions_per_connection"] = ordered_json::object();
  for (auto const& [count, of] : transactions_) transactions[std::to_string(count)] = of;
  json["tls"] = {
      {"full", handshakes_full}, {"resumed", handshakes_resumed}, {"failed", handshakes_failed}};
  auto const& broken = provider.violations;
  json["violations"] = {{"connections", broken.connections},
                        {"messages_per_connection", broken.messages_per_connection},
                        {"rate", broken.rate},
                        {"domain_rate", broken.domain_rate},
                        {"domain_connections", broken.domain_connections}};
  auto& clients = json["clients"] = ordered_json::object();
  for (auto const& [address, use] : provider.uses())
    clients[address] = {{"open", use.open}, {"max", use.most_open}, {"messages", use.messages}};
  auto& violations = json["client_violations"] = ordered_json::object();
  for (std::size_t i = 0; i < client_violation_count; ++i)
    if (violations_[i].count > 0)
      violations[std::string(violation_names[i])] = {{"count", violations_[i].count},
                                                     {"examples", violations_[i].examples}};
  auto& domains = json["domains"] = ordered_json::object();
  for (auto const& [name, count] : std::map(domains_.begin(), domains_.end()))
    domains[name] = count;
  json["per_second"] = per_second_;
  bool const any = messages_ > 0;
  json["first_message"] = any ? ordered_json(seconds(first_message_.time_since_epoch())) : nullptr;
  json["last_message"] = any ? ordered_json(seconds(last_message_.time_since_epoch())) : nullptr;
  json["now"] = seconds(now.time_since_epoch());
  return json.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
}

}  // namespace mailpool::fakemx
