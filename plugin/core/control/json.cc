#include "core/control/json.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "core/base/text.h"
#include "core/control/json_fields.h"
#include "core/control/json_imap_fields.h"

namespace mailpool::control {
namespace {

using Json = nlohmann::ordered_json;  // keys stay in the order that operators read them in

constexpr std::size_t longest_text = 4096;

// JSON has no infinity, and a span beyond thirty years is "never" to everybody.
constexpr double longest_span = 1e9;

Json span(Duration d) {
  return std::round(std::min(seconds(d), longest_span) * 1000) / 1000;
}

std::optional<Duration> span_of(Json const& value) {
  if (!value.is_number()) return std::nullopt;
  auto const n = value.get<double>();
  if (!std::isfinite(n) || std::abs(n) > longest_span) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(n));
}

// Writes the fields of a struct into an object.
class Writer {
 public:
  explicit Writer(Json& to) : to_(to) {}

  void field(char const* key, std::string const& v) { to_[key] = printable(v, longest_text); }
  void field(char const* key, bool v) { to_[key] = v; }
  void field(char const* key, std::uint16_t v) { to_[key] = v; }
  void field(char const* key, std::uint32_t v) { to_[key] = v; }
  void field(char const* key, std::uint64_t v) { to_[key] = v; }
  void field(char const* key, Duration v) { to_[key] = span(v); }
  void field(char const* key, WallTime v) {
    to_[key] = v == WallTime{} ? Json(nullptr) : Json(to_rfc3339(v));
  }
  void field(char const* key, Finding::Level v) { to_[key] = name_of(v); }
  void field(char const* key, Moment const& v) {
    to_[key] = to_rfc3339(v.at);
    to_[std::string(key) + "_in"] = span(v.in);
  }
  void field(char const* key, std::optional<Moment> const& v) {
    if (v) return field(key, *v);
    to_[key] = nullptr;
    to_[std::string(key) + "_in"] = nullptr;
  }
  template <class T>
  void field(char const* key, std::optional<T> const& v) {
    v ? field(key, *v) : static_cast<void>(to_[key] = nullptr);
  }
  void field(char const* key, std::vector<std::string> const& v) {
    auto& list = to_[key] = Json::array();
    for (auto const& text : v) list.push_back(printable(text, longest_text));
  }
  template <class T>
  void field(char const* key, std::vector<T> const& v) {
    auto& list = to_[key] = Json::array();
    for (auto const& item : v) {
      Json object = Json::object();
      Writer writer(object);
      fields(writer, item);
      list.push_back(std::move(object));
    }
  }
  template <class T>
  void field(char const* key, T const& v) {
    auto& object = to_[key] = Json::object();
    Writer writer(object);
    fields(writer, v);
  }

 private:
  Json& to_;
};

// Reads them back; what does not fit is left as it is.
class Reader {
 public:
  explicit Reader(Json const& from) : from_(from) {}

  void field(char const* key, std::string& v) {
    if (auto const* found = find(key); found != nullptr && found->is_string())
      v = printable(found->get_ref<std::string const&>(), longest_text);
  }
  void field(char const* key, bool& v) {
    if (auto const* found = find(key); found != nullptr && found->is_boolean())
      v = found->get<bool>();
  }
  void field(char const* key, std::uint16_t& v) { number(key, v); }
  void field(char const* key, std::uint32_t& v) { number(key, v); }
  void field(char const* key, std::uint64_t& v) { number(key, v); }
  void field(char const* key, Duration& v) {
    if (auto const* found = find(key))
      if (auto const d = span_of(*found)) v = *d;
  }
  void field(char const* key, WallTime& v) {
    if (auto const* found = find(key); found != nullptr && found->is_string())
      if (auto const t = from_rfc3339(found->get_ref<std::string const&>())) v = *t;
  }
  void field(char const* key, Finding::Level& v) {
    std::string word;
    field(key, word);
    for (auto level : {Finding::Level::Good, Finding::Level::Note, Finding::Level::Warning,
                       Finding::Level::Mistake})
      if (word == name_of(level)) v = level;
  }
  void field(char const* key, Moment& v) {
    field(key, v.at);
    field((std::string(key) + "_in").c_str(), v.in);
  }
  template <class T>
  void field(char const* key, std::optional<T>& v) {
    auto const* found = find(key);
    if (found == nullptr || found->is_null()) return;
    T value{};
    field(key, value);
    v = std::move(value);
  }
  void field(char const* key, std::vector<std::string>& v) {
    for (auto const& item : list(key))
      if (item.is_string())
        v.push_back(printable(item.get_ref<std::string const&>(), longest_text));
  }
  template <class T>
  void field(char const* key, std::vector<T>& v) {
    for (auto const& item : list(key)) {
      if (!item.is_object()) continue;
      Reader reader(item);
      fields(reader, v.emplace_back());
    }
  }
  template <class T>
  void field(char const* key, T& v) {
    auto const* found = find(key);
    if (found == nullptr || !found->is_object()) return;
    Reader reader(*found);
    fields(reader, v);
  }

 private:
  [[nodiscard]] Json const* find(char const* key) const {
    auto const found = from_.find(key);
    return found == from_.end() ? nullptr : &*found;
  }
  [[nodiscard]] Json const& list(char const* key) const {
    static Json const empty = Json::array();
    auto const* found = find(key);
    return found != nullptr && found->is_array() ? *found : empty;
  }
  template <class N>
  void number(char const* key, N& v) {
    auto const* found = find(key);
    if (found == nullptr || !found->is_number_unsigned()) return;
    auto const n = found->get<std::uint64_t>();
    if (n <= std::numeric_limits<N>::max()) v = static_cast<N>(n);
  }

  Json const& from_;
};

template <class T>
std::string object_text(T const& value) {
  Json object = Json::object();
  Writer writer(object);
  fields(writer, value);
  return object.dump();
}

template <class T>
std::string list_text(char const* key, std::vector<T> const& values) {
  Json object = Json::object();
  Writer(object).field(key, values);
  return object.dump();
}

// Never throws: callers meet bytes of another program.
std::optional<Json> object_of(std::string_view text) {
  auto parsed = Json::parse(text.begin(), text.end(), nullptr, false);
  if (parsed.is_discarded() || !parsed.is_object()) return std::nullopt;
  return parsed;
}

template <class T>
Result<T> object_from(std::string_view text) {
  auto const object = object_of(text);
  if (!object) return failed("not a JSON object");
  T value{};
  Reader reader(*object);
  fields(reader, value);
  return value;
}

template <class T>
Result<std::vector<T>> list_from(char const* key, std::string_view text) {
  auto const object = object_of(text);
  if (!object) return failed("not a JSON object");
  std::vector<T> values;
  Reader(*object).field(key, values);
  return values;
}

}  // namespace

std::string to_json(ManagerStatus const& status) {
  return object_text(status);
}
std::string to_json(NameStatus const& status) {
  return object_text(status);
}
std::string to_json(Explanation const& explanation) {
  return object_text(explanation);
}
std::string to_json(ReloadReport const& report) {
  return object_text(report);
}
std::string to_json(Done const& done) {
  return object_text(done);
}
std::string to_json(Error const& error) {
  Json object = Json::object();
  object["error"] = printable(error.reason, longest_text);
  return object.dump();
}
std::string to_json(std::vector<ConnectionStatus> const& connections) {
  return list_text("connections", connections);
}
std::string to_json(ImapStatus const& status) {
  return object_text(status);
}
std::string to_json(std::vector<ImapConnectionStatus> const& connections) {
  return list_text("connections", connections);
}
std::string to_json(QueueStatus const& status) {
  return object_text(status);
}
std::string to_json(std::vector<Finding> const& findings) {
  return list_text("findings", findings);
}

template <>
Result<ManagerStatus> from_json(std::string_view text) {
  return object_from<ManagerStatus>(text);
}
template <>
Result<NameStatus> from_json(std::string_view text) {
  return object_from<NameStatus>(text);
}
template <>
Result<Explanation> from_json(std::string_view text) {
  return object_from<Explanation>(text);
}
template <>
Result<ReloadReport> from_json(std::string_view text) {
  return object_from<ReloadReport>(text);
}
template <>
Result<Done> from_json(std::string_view text) {
  return object_from<Done>(text);
}
template <>
Result<std::vector<ConnectionStatus>> from_json(std::string_view text) {
  return list_from<ConnectionStatus>("connections", text);
}
template <>
Result<ImapStatus> from_json(std::string_view text) {
  return object_from<ImapStatus>(text);
}
template <>
Result<std::vector<ImapConnectionStatus>> from_json(std::string_view text) {
  return list_from<ImapConnectionStatus>("connections", text);
}
template <>
Result<QueueStatus> from_json(std::string_view text) {
  return object_from<QueueStatus>(text);
}
template <>
Result<std::vector<Finding>> from_json(std::string_view text) {
  return list_from<Finding>("findings", text);
}

std::string answer_line(std::string const& result) {
  return fmt::format("{{\"v\":1,\"result\":{}}}\n", result);
}

std::string error_line(std::string_view why) {
  Json object = Json::object();
  object["v"] = 1;
  object["error"] = printable(why, longest_text);
  return object.dump() + "\n";
}

Result<Answer> parse_answer(std::string_view line) {
  auto const object = object_of(line);
  if (!object) return failed("not an answer of mailpoold");
  if (auto const error = object->find("error"); error != object->end() && error->is_string())
    return Answer{true, printable(error->get_ref<std::string const&>(), longest_text)};
  auto const version = object->find("v");
  if (version == object->end() || *version != 1)
    return failed("an answer in another version of the protocol than 1");
  auto const result = object->find("result");
  if (result == object->end() || !result->is_object()) return failed("an answer without a result");
  return Answer{false, result->dump()};
}

std::string indented(std::string const& json) {
  auto const object = object_of(json);
  return object ? object->dump(2) : json;
}

std::string to_rfc3339(WallTime t) {
  using namespace std::chrono;
  auto const whole = floor<std::chrono::seconds>(t);
  auto const midnight = floor<days>(whole);
  year_month_day const date(midnight);
  hh_mm_ss const time(whole - midnight);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

Result<WallTime> from_rfc3339(std::string_view text) {
  using namespace std::chrono;
  auto const wrong = [&] {
    return failed(fmt::format("\"{}\" is no time like 2026-11-21T06:30:00Z", text));
  };
  if (text.size() != 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text[19] != 'Z')
    return wrong();
  auto number = [&](std::size_t at, std::size_t n) { return to_number(text.substr(at, n)); };
  auto const y = number(0, 4), mo = number(5, 2), d = number(8, 2);
  auto const h = number(11, 2), mi = number(14, 2), s = number(17, 2);
  if (!y || !mo || !d || !h || !mi || !s || *h > 23 || *mi > 59 || *s > 60) return wrong();
  year_month_day const date(year(static_cast<int>(*y)), month(static_cast<unsigned>(*mo)),
                            day(static_cast<unsigned>(*d)));
  if (!date.ok() || *y < 1900 || *y > 2200) return wrong();  // nanoseconds go from 1677 to 2262
  return WallTime(sys_days(date)) + hours(*h) + minutes(*mi) + std::chrono::seconds(*s);
}

}  // namespace mailpool::control
