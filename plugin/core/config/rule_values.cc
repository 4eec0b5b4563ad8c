#include "core/config/rule_values.h"

#include "core/config/source_values.h"
#include "core/message/address.h"

namespace mailpool::value {
namespace {

constexpr std::size_t longest_pattern = 1000;
constexpr std::size_t longest_reason = 200;
constexpr Whole<std::uint32_t> connections{1, 10'000};
constexpr Whole<std::uint32_t> messages{1, 1'000'000};

Result<std::string> parse_site(std::string_view text) {
  if (text.empty() || text == every_site || is_plain_name(text)) return std::string(text);
  return failed(toml_string(printable(text, 64)) + " is not a site's name");
}

Result<std::string> parse_domain_or_empty(std::string_view text) {
  if (text.empty()) return std::string();
  auto name = canonical_domain(text);
  if (!name) return failed(toml_string(printable(text, 128)) + " is not a domain");
  return name;
}

Result<std::string> parse_pattern(std::string_view text) {
  if (text.empty()) return failed("an empty pattern is found in every reply");
  if (text.size() > longest_pattern) return failed("the pattern is longer than 1000 octets");
  return std::string(text);
}

Result<std::string> parse_reason(std::string_view text) {
  if (printable(text, longest_reason) == text) return std::string(text);
  return failed("the reason has control characters or more than 200 octets");
}

}  // namespace

Parsed<std::string> rule_site() {
  return {R"(the name of a [site.NAME], or "*" for every site)", parse_site};
}

Parsed<std::string> rule_domain() {
  return {R"(a domain such as "example.org", or "" in a rule of a site)", parse_domain_or_empty};
}

Parsed<std::string> rule_pattern() {
  return {R"(a regular expression such as '^421 4\.7\.28')", parse_pattern};
}

Parsed<std::string> rule_reason() {
  return {"a few words, at most 200 octets", parse_reason};
}

Parsed<Threshold> threshold() {
  return {R"(a number of replies in a time, such as "3/h", or "" for once)", Threshold::parse,
          [](Threshold const& value) { return value.to_string(); }};
}

std::string Limits::words() const {
  return R"({ rate = "10/min", max_connections = 1, max_messages = 2 } or some of these)";
}

std::string Limits::show(RuleLimits const& limits) const {
  std::string text;
  auto add = [&](char const* key, std::string const& value) {
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", key, value);
  };
  if (limits.rate.is_limited()) add("rate", rate().show(limits.rate));
  if (limits.max_connections) add("max_connections", connections.show(*limits.max_connections));
  if (limits.max_messages) add("max_messages", messages.show(*limits.max_messages));
  return text.empty() ? "{}" : "{ " + text + " }";
}

std::optional<RuleLimits> Limits::read(Node const& node, Wrongs& wrongs) const {
  if (node.kind != Node::Kind::Table) {
    wrongs.push_back(wrong_type(node, words()));
    return std::nullopt;
  }
  auto const before = wrongs.size();
  RuleLimits limits;
  for (auto const& entry : node.entries) {
    if (entry.key == "rate") {
      if (auto const read = rate().read(entry.value, wrongs)) limits.rate = *read;
    } else if (entry.key == "max_connections") {
      limits.max_connections = connections.read(entry.value, wrongs);
    } else if (entry.key == "max_messages") {
      limits.max_messages = messages.read(entry.value, wrongs);
    } else {
      wrongs.push_back({entry.line,
                        toml_string(printable(entry.key, 64)) + " is not among what it can set",
                        words()});
    }
  }
  if (wrongs.size() != before) return std::nullopt;
  return limits;
}

}  // namespace mailpool::value
