#pragma once
// How the rows of the table of options are written: table.add(key, member,
// kind).says(...).note(...). For options*.cc alone.

#include <cassert>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/config/options.h"

namespace mailpool {

template <class T>
struct Unwrapped {
  using Type = T;
};
template <class T>
struct Unwrapped<std::optional<T>> {
  using Type = T;
};

template <class Kind, class T>
std::string shown(Kind const& kind, T const& member) {
  return kind.show(member);
}
template <class Kind, class T>
std::string shown(Kind const& kind, std::optional<T> const& member) {
  return member ? kind.show(*member) : std::string();
}

// A named site has its settings inside, so every option of [smtp] can be read into it; the levels
// have those that they share in one base.
template <class Owner>
Owner& owner_in(Part part) {
  if constexpr (std::is_same_v<Owner, SiteSettings>)
    if (auto* const named = std::get_if<NamedSite*>(&part)) return (*named)->settings;
  if constexpr (std::is_same_v<Owner, TlsSettings>)
    if (auto* const named = std::get_if<NamedSite*>(&part)) return (*named)->settings.tls_settings;
  auto* const owner = std::visit(
      [](auto* held) -> Owner* {
        if constexpr (std::is_convertible_v<decltype(held), Owner*>)
          return held;
        else
          return nullptr;
      },
      part);
  assert(owner != nullptr && "an option is read into the part of its section");
  return *owner;
}

// What the rows of the table are written with: the verbs stand behind add().
class Row {
 public:
  explicit Row(Option& option) : option_(option) {}
  Row says(char const* sentence) const {
    option_.sentence = sentence;
    return *this;
  }
  Row note(char const* more) const {
    option_.more = more;
    return *this;
  }
  Row for_example(char const* toml) const {
    option_.example = toml;
    return *this;
  }
  Row needs_restart() const {
    option_.restart = true;
    return *this;
  }

 private:
  Option& option_;
};

class Table {
 public:
  explicit Table(std::vector<Option>& options) : options_(options) {}

  void begin(Section section) { section_ = section; }

  // The member decides which part the option is kept in, the kind what may stand in the file.
  template <class Owner, class T, class Kind>
  Row add(char const* key, T Owner::*member, Kind kind) {
    static_assert(std::is_same_v<typename Kind::Value, typename Unwrapped<T>::Type>,
                  "the kind must read the member's type");
    Option option;
    option.section = section_;
    option.key = key;
    option.value = kind.words();
    option.read = [member, kind](Part part, Node const& node, value::Wrongs& wrongs) {
      if (auto value = kind.read(node, wrongs)) owner_in<Owner>(part).*member = std::move(*value);
    };
    option.show = [member, kind](Part part) { return shown(kind, owner_in<Owner>(part).*member); };
    return Row(options_.emplace_back(std::move(option)));
  }

 private:
  std::vector<Option>& options_;
  Section section_ = Section::Top;
};

// The rows of sections with files of their own (options_*.cc).
void add_milter(Table& table);
void add_events(Table& table);

}  // namespace mailpool
