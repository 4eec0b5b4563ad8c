#pragma once
// A TOML file as a tree with line numbers: the only place that knows which library reads TOML.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace mailpool {

/// One value of the file. Only the members that its kind names mean anything.
struct Node {
  enum class Kind : std::uint8_t { Text, Whole, Fraction, YesNo, Date, List, Table };
  struct Entry;

  Kind kind = Kind::Table;
  unsigned line = 1;  ///< where it starts, counted from 1
  std::string text;  ///< Text: the string. Whole, Fraction, YesNo, Date: as messages should show it
  std::int64_t whole = 0;      ///< Whole
  bool yes = false;            ///< YesNo
  std::vector<Node> items;     ///< List
  std::vector<Entry> entries;  ///< Table: in the order of their lines

  /// The entry of that name, or null.
  [[nodiscard]] Entry const* find(std::string_view key) const;
};

struct Node::Entry {
  std::string key;
  unsigned line = 1;  ///< of the key, or of the first header that names it
  Node value;
};

/// "a string", "a number", ...: for "is a string".
[[nodiscard]] std::string_view words_for(Node::Kind kind);

/// What is not read, why, and where.
struct SyntaxError {
  unsigned line = 1;
  std::string reason;
};

/// The whole file. 256 levels of brackets and keys of sixteen parts are allowed here (key_depth.h),
/// so the tree can be walked recursively. Lines are those of file number `file` (place.h).
[[nodiscard]] tl::expected<Node, SyntaxError> parse_document(std::string_view text,
                                                             std::size_t file = 0);

}  // namespace mailpool
