#pragma once
// What becomes of each command that a client may send on a lent connection: the one table.

#include <span>
#include <string>
#include <string_view>

#include "core/imap/discard.h"

namespace mailpool::imap {

enum class Handling : std::uint8_t {
  Pass,        ///< to the server
  Selects,     ///< to the server; its result decides whether a mailbox is selected
  Deselects,   ///< to the server; OK means that none is
  Idles,       ///< to the server; the client's next line is DONE
  Refuse,      ///< answered here
  Capability,  ///< answered here, from what the server offers
  Id,          ///< answered here
  Logout,      ///< answered here: the loan ends
};

struct CommandRow {
  std::string_view name;  ///< in capitals; with UID before it where it has that
  Handling handling = Handling::Pass;
  Discard taint = Discard::None;  ///< what the connection is not given back for
  std::string_view answer;        ///< of Refuse: "BAD ..." or "NO ..."
  bool is_bare = false;           ///< it has no arguments
  bool has_message = false;       ///< it cannot be without a literal
};

[[nodiscard]] std::span<CommandRow const> command_table();
/// Of a command's name in capitals; a row that taints for one that is not known.
[[nodiscard]] CommandRow const& row_of(std::string_view name);

/// Whether a part of a command turns CONDSTORE on for the rest of the connection (RFC 7162 3.1).
/// It looks for the words wherever they stand: a mailbox of such a name costs a connection, no
/// more.
[[nodiscard]] bool turns_condstore_on(std::string_view part);

}  // namespace mailpool::imap
