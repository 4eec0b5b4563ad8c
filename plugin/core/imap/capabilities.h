#pragma once
// What a server offers, and what of it a client of the pool is told.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailpool::imap {

class Capabilities {
 public:
  Capabilities() = default;
  /// Words between blanks; at most a hundred of at most a hundred octets are kept, and none that
  /// could end the list it stands in.
  explicit Capabilities(std::string_view words);

  [[nodiscard]] bool has(std::string_view name) const;
  /// `name` in capitals.
  void remove(std::string_view name) { std::erase(names_, name); }
  [[nodiscard]] bool is_empty() const { return names_.empty(); }
  /// Whether a literal of that size may be sent without waiting (RFC 7888).
  [[nodiscard]] bool may_send_at_once(std::uint64_t octets) const;
  /// For a client that is logged in: without what the pool cannot let it have.
  [[nodiscard]] std::string for_client() const;
  /// All of them, for a record that survives a restart.
  [[nodiscard]] std::string to_record() const;
  /// Nothing where it cannot be what to_record() has written.
  [[nodiscard]] static std::optional<Capabilities> from_record(std::string_view record);
  bool operator==(Capabilities const&) const = default;

 private:
  std::vector<std::string> names_;  ///< in capitals
};

/// The words of "[CAPABILITY ...]" at the beginning of a status' text, or of the text of an
/// untagged CAPABILITY; nothing where there are none.
struct CapabilityCode {
  std::string_view before;  ///< of the whole line
  std::string_view words;
  std::string_view after;
};
/// In a whole line without its CRLF: the three places where a list can stand.
[[nodiscard]] bool find_capabilities(std::string_view line, CapabilityCode& found);

}  // namespace mailpool::imap
