// The conditions of the script language, and how their values are read.
#include <algorithm>
#include <charconv>
#include <iterator>

#include "fakemx/script_words.h"

namespace mailpool::fakemx {

namespace {

constexpr StageSet anywhere = StageSet::all();
constexpr StageSet transaction_stages = {Stage::Mail, Stage::Rcpt, Stage::Data,
                                         Stage::Body, Stage::End,  Stage::Bdat};
constexpr StageSet recipient_stages = {Stage::Rcpt, Stage::Data, Stage::Body, Stage::End,
                                       Stage::Bdat};

bool parse_set(std::string_view value, std::optional<NumberSet>& to) {
  return (to = NumberSet::parse(value)).has_value();
}
bool parse_set(std::string_view value, std::optional<AddressGlobs>& to) {
  return (to = AddressGlobs::parse(value)).has_value();
}

/// A condition whose value is a set: of numbers or of addresses.
template <auto member>
bool set_of(std::string_view value, Conditions& when) {
  return parse_set(value, when.*member);
}

bool parse_tls(std::string_view value, Conditions& when) {
  when.tls = value == "yes";
  return value == "yes" || value == "no";
}

bool parse_at(std::string_view value, Conditions& when) {
  auto const at = parse_size(value);
  when.at = at.value_or(0);
  return at.has_value();
}

bool parse_after(std::string_view value, Conditions& when) {
  return parse_into(value, when.after) && when.after > Duration::zero();
}

bool parse_odds(std::string_view value, Conditions& when) {
  if (!value.ends_with('%')) return false;
  value.remove_suffix(1);
  auto const end = value.data() + value.size();
  auto const [ptr, error] = std::from_chars(value.data(), end, when.odds);
  when.odds /= 100;
  return error == std::errc() && ptr == end && when.odds >= 0 && when.odds <= 1;
}

constexpr ConditionRow condition_rows[] = {
    {"conn", anywhere, "conn=N", set_of<&Conditions::connection>},
    {"listener", anywhere, "listener=N", set_of<&Conditions::listener>},
    {"message", anywhere, "message=N", set_of<&Conditions::message>},
    {"total", transaction_stages, "total=N", set_of<&Conditions::total>},
    {"rcpt", {Stage::Rcpt}, "rcpt=N", set_of<&Conditions::recipient>},
    {"chunk", {Stage::Bdat}, "chunk=N", set_of<&Conditions::chunk>},
    {"nth", anywhere, "nth=N", set_of<&Conditions::nth>},
    {"to", recipient_stages, "to=ADDRESS-PATTERN", set_of<&Conditions::to>},
    {"from", transaction_stages, "from=ADDRESS-PATTERN", set_of<&Conditions::from>},
    {"helo", anywhere, "helo=PATTERN", set_of<&Conditions::helo>},
    {"tls", anywhere, "tls=yes or tls=no", parse_tls},
    {"at", {Stage::Body}, "at=OCTETS", parse_at},
    {"after", {Stage::Idle}, "after=DURATION", parse_after},
    {"odds", anywhere, "odds=N%", parse_odds},
};

}  // namespace

ConditionRow const* find_condition(std::string_view name) {
  auto const* const row = std::find_if(std::begin(condition_rows), std::end(condition_rows),
                                       [&](ConditionRow const& r) { return r.name == name; });
  return row == std::end(condition_rows) ? nullptr : row;
}

std::string all_conditions() {
  std::string names;
  for (auto const& row : condition_rows) {
    if (!names.empty()) names += ", ";
    names += row.name;
  }
  return names;
}

}  // namespace mailpool::fakemx
