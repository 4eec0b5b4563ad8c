#pragma once
// The kinds of value an option can have. Each kind knows its words for an operator, reads a value
// and writes it back as TOML.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/ip.h"
#include "core/base/text.h"
#include "core/config/document.h"
#include "core/config/quantity.h"
#include "core/config/rate.h"
#include "core/config/settings.h"

namespace mailpool::value {

/// One mistake inside a value: `what` follows the option's name and a colon.
struct Wrong {
  unsigned line = 0;
  std::string what;
  std::string right;
};
using Wrongs = std::vector<Wrong>;

/// A string as TOML writes it, quotes included.
[[nodiscard]] std::string toml_string(std::string_view text);
/// "10 is too small" and the like are said by the kinds; this one is for a value of the wrong TOML
/// type.
[[nodiscard]] Wrong wrong_type(Node const& node, std::string const& right);

/// A number from min to max.
template <class Number>
struct Whole {
  using Value = Number;
  std::uint64_t min;
  std::uint64_t max;

  [[nodiscard]] std::string words() const {
    return fmt::format("a whole number from {} to {}", min, max);
  }
  [[nodiscard]] std::string show(Number number) const { return fmt::format("{}", number); }
  [[nodiscard]] std::optional<Number> read(Node const& node, Wrongs& wrongs) const {
    bool const is_whole = node.kind == Node::Kind::Whole;
    if (!is_whole)
      wrongs.push_back(wrong_type(node, words()));
    else if (node.whole < 0 || static_cast<std::uint64_t>(node.whole) < min)
      wrongs.push_back({node.line, node.text + " is too small", words()});
    else if (static_cast<std::uint64_t>(node.whole) > max)
      wrongs.push_back({node.line, node.text + " is too large", words()});
    else
      return static_cast<Number>(node.whole);
    return std::nullopt;
  }
};

constexpr Whole<std::uint32_t> number(std::uint64_t min, std::uint64_t max) {
  return {min, max};
}

struct YesNo {
  using Value = bool;
  [[nodiscard]] std::string words() const { return "true or false"; }
  [[nodiscard]] std::string show(bool yes) const { return yes ? "true" : "false"; }
  [[nodiscard]] std::optional<bool> read(Node const& node, Wrongs& wrongs) const {
    if (node.kind == Node::Kind::YesNo) return node.yes;
    wrongs.push_back(wrong_type(node, words()));
    return std::nullopt;
  }
};

/// A quantity written as a string, from min to max.
template <class Quantity>
struct Between {
  using Value = Quantity;
  std::string_view noun;  ///< "a duration"
  Result<Quantity> (*parse)(std::string_view);
  std::string (*text)(Quantity);
  Quantity min;
  Quantity max;

  [[nodiscard]] std::string words() const {
    return fmt::format("{} from \"{}\" to \"{}\"", noun, text(min), text(max));
  }
  [[nodiscard]] std::string show(Quantity quantity) const { return toml_string(text(quantity)); }
  [[nodiscard]] std::optional<Quantity> read(Node const& node, Wrongs& wrongs) const {
    if (node.kind != Node::Kind::Text) {
      wrongs.push_back(wrong_type(node, words()));
      return std::nullopt;
    }
    auto const parsed = parse(node.text);
    if (!parsed)
      wrongs.push_back({node.line, parsed.error().reason, words()});
    else if (*parsed < min)
      wrongs.push_back({node.line, toml_string(node.text) + " is too small", words()});
    else if (*parsed > max)
      wrongs.push_back({node.line, toml_string(node.text) + " is too large", words()});
    else
      return *parsed;
    return std::nullopt;
  }
};

[[nodiscard]] inline Between<Duration> duration(Duration min, Duration max) {
  return {"a duration", parse_duration, duration_text, min, max};
}
[[nodiscard]] inline Between<std::uint64_t> size(std::uint64_t min, std::uint64_t max) {
  return {"a size", parse_size, size_text, min, max};
}

/// One of the names of an enumeration.
template <class Enum, std::size_t N>
struct OneOf {
  using Value = Enum;
  std::array<Enum, N> all;

  [[nodiscard]] std::string words() const {
    std::string text;
    for (std::size_t i = 0; i < N; ++i)
      text += (i == 0 ? "" : i + 1 == N ? " or " : ", ") + toml_string(name_of(all[i]));
    return text;
  }
  [[nodiscard]] std::string show(Enum choice) const { return toml_string(name_of(choice)); }
  [[nodiscard]] std::optional<Enum> read(Node const& node, Wrongs& wrongs) const {
    if (node.kind != Node::Kind::Text) {
      wrongs.push_back(wrong_type(node, words()));
      return std::nullopt;
    }
    for (auto choice : all)
      if (name_of(choice) == node.text) return choice;
    wrongs.push_back(
        {node.line, toml_string(printable(node.text, 64)) + " is not a choice", words()});
    return std::nullopt;
  }
};
template <class Enum, std::size_t N>
OneOf(std::array<Enum, N>) -> OneOf<Enum, N>;

[[nodiscard]] inline std::string as_it_is(std::string const& text) {
  return text;
}

/// What a string stands for, by its parser; the parser's reason says what is wrong, `right` what
/// would not be.
template <class T>
struct Parsed {
  using Value = T;
  std::string right;
  Result<T> (*parse)(std::string_view);
  std::string (*text)(T const&) = as_it_is;  ///< to be given where T is no string

  [[nodiscard]] std::string words() const { return right; }
  [[nodiscard]] std::string show(T const& value) const { return toml_string(text(value)); }
  [[nodiscard]] std::optional<T> read(Node const& node, Wrongs& wrongs) const {
    if (node.kind != Node::Kind::Text) {
      wrongs.push_back(wrong_type(node, words()));
      return std::nullopt;
    }
    auto parsed = parse(node.text);
    if (parsed) return std::move(*parsed);
    wrongs.push_back({node.line, parsed.error().reason, words()});
    return std::nullopt;
  }
};

/// A list of any of the above; every item's mistake is named with its own line.
template <class Item>
struct ListOf {
  using Value = std::vector<typename Item::Value>;
  Item item;
  std::size_t at_least = 0;
  std::size_t at_most = 1000;

  [[nodiscard]] std::string words() const {
    return fmt::format("a list{}, each {}", at_least != 0 ? " of at least one" : "", item.words());
  }
  [[nodiscard]] std::string show(Value const& values) const {
    std::string text;
    for (auto const& value : values) text += (text.empty() ? "" : ", ") + item.show(value);
    return "[" + text + "]";
  }
  [[nodiscard]] std::optional<Value> read(Node const& node, Wrongs& wrongs) const {
    if (node.kind != Node::Kind::List) {
      wrongs.push_back(wrong_type(node, words()));
      return std::nullopt;
    }
    if (node.items.size() < at_least) wrongs.push_back({node.line, "the list is empty", words()});
    if (node.items.size() > at_most)
      wrongs.push_back({node.line, fmt::format("{} items are too many", node.items.size()),
                        fmt::format("at most {}", at_most)});
    auto const before = wrongs.size();
    Value values;
    for (auto const& each : node.items)
      if (auto value = item.read(each, wrongs)) values.push_back(std::move(*value));
    if (wrongs.size() != before) return std::nullopt;
    return values;
  }
};
template <class Item, class... Sizes>
ListOf(Item, Sizes...) -> ListOf<Item>;

// The kinds of string that options are made of.
[[nodiscard]] Parsed<Rate> rate();
[[nodiscard]] Parsed<std::uint32_t> file_mode();
[[nodiscard]] Parsed<IpNetwork> network();
[[nodiscard]] Parsed<RouteHost> route_host();
[[nodiscard]] Parsed<std::string> host_name_or_empty();
[[nodiscard]] Parsed<std::string> domain();
[[nodiscard]] Parsed<std::string> mx_suffix();
[[nodiscard]] Parsed<std::string> user();
[[nodiscard]] ListOf<Parsed<std::string>> users();
[[nodiscard]] Parsed<std::string> group_or_empty();
[[nodiscard]] Parsed<std::string> path();
/// A path, or the name of a file beside the one it stands in.
[[nodiscard]] Parsed<std::string> file_name();
[[nodiscard]] Parsed<std::string> path_or_empty();
[[nodiscard]] Parsed<std::string> socket_path();
[[nodiscard]] Parsed<std::string> dns_server();
[[nodiscard]] Parsed<std::string> listen_address_or_empty();
[[nodiscard]] Parsed<std::string> log_target();
[[nodiscard]] Parsed<std::string> source();
[[nodiscard]] Parsed<std::string> socket_path_or_empty();
[[nodiscard]] Parsed<std::string> tenant_source();
[[nodiscard]] Parsed<std::string> campaign_header();
[[nodiscard]] Parsed<std::string> mailer();
[[nodiscard]] Parsed<std::string> login();
[[nodiscard]] Parsed<std::string> login_name();

}  // namespace mailpool::value
