#include "core/imap/commands.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"

namespace mailpool::imap {
namespace {

using H = Handling;
constexpr std::string_view logged_in_already = "BAD You are logged in already";

constexpr CommandRow pass(std::string_view name) {
  return {name, H::Pass, Discard::None, {}};
}
constexpr CommandRow bare(std::string_view name, Handling handling = H::Pass) {
  return {name, handling, Discard::None, {}, true};
}
constexpr CommandRow with_message(std::string_view name) {
  return {name, H::Pass, Discard::None, {}, false, true};
}
constexpr CommandRow refuse(std::string_view name, std::string_view answer) {
  return {name, H::Refuse, Discard::None, answer};
}
constexpr CommandRow taint(std::string_view name, Discard reason) {
  return {name, H::Pass, reason, {}};
}

constexpr std::array table{
    CommandRow{"LOGOUT", H::Logout, Discard::None, {}},
    CommandRow{"CAPABILITY", H::Capability, Discard::None, {}},
    CommandRow{"ID", H::Id, Discard::None, {}},
    refuse("LOGIN", logged_in_already),
    refuse("AUTHENTICATE", logged_in_already),
    refuse("STARTTLS", logged_in_already),
    refuse("COMPRESS", "NO [CANNOT] Compression is not for pooled connections"),
    // Passed on, it would let a client log in as somebody else on a shared connection (RFC 8437 8).
    refuse("UNAUTHENTICATE", "BAD UNAUTHENTICATE is not for pooled connections"),
    refuse("X-UNAUTHENTICATE", "BAD UNAUTHENTICATE is not for pooled connections"),
    taint("ENABLE", Discard::TaintEnable),
    taint("NOTIFY", Discard::TaintNotify),
    taint("LANGUAGE", Discard::TaintOther),
    taint("COMPARATOR", Discard::TaintOther),
    CommandRow{"SELECT", H::Selects, Discard::None, {}},
    CommandRow{"EXAMINE", H::Selects, Discard::None, {}},
    bare("CLOSE", H::Deselects),
    bare("UNSELECT", H::Deselects),
    bare("IDLE", H::Idles),
    bare("NOOP"),
    bare("CHECK"),
    pass("CREATE"),
    pass("DELETE"),
    pass("RENAME"),
    pass("SUBSCRIBE"),
    pass("UNSUBSCRIBE"),
    pass("LIST"),
    pass("LSUB"),
    pass("STATUS"),
    with_message("APPEND"),
    with_message("REPLACE"),
    bare("EXPUNGE"),
    pass("SEARCH"),
    pass("ESEARCH"),
    pass("FETCH"),
    pass("STORE"),
    pass("COPY"),
    pass("MOVE"),
    pass("SORT"),
    pass("THREAD"),
    pass("UID FETCH"),
    pass("UID STORE"),
    pass("UID SEARCH"),
    pass("UID COPY"),
    pass("UID MOVE"),
    pass("UID EXPUNGE"),
    pass("UID SORT"),
    pass("UID THREAD"),
    with_message("UID REPLACE"),
    bare("NAMESPACE"),
    pass("GETACL"),
    pass("SETACL"),
    pass("DELETEACL"),
    pass("LISTRIGHTS"),
    pass("MYRIGHTS"),
    pass("GETQUOTA"),
    pass("GETQUOTAROOT"),
    pass("SETQUOTA"),
    pass("GETMETADATA"),
    pass("SETMETADATA"),
    pass("GENURLAUTH"),
    pass("URLFETCH"),
    pass("CANCELUPDATE"),
};

constexpr CommandRow unknown{"", H::Pass, Discard::TaintOther, {}};

constexpr std::array<std::string_view, 4> condstore_words{"CONDSTORE", "QRESYNC", "MODSEQ",
                                                          "CHANGEDSINCE"};

}  // namespace

std::span<CommandRow const> command_table() {
  return table;
}

CommandRow const& row_of(std::string_view name) {
  auto const* found = std::find_if(table.begin(), table.end(),
                                   [&](CommandRow const& row) { return row.name == name; });
  return found == table.end() ? unknown : *found;
}

bool turns_condstore_on(std::string_view part) {
  // A server may read "MOD\\SEQ" as the word without the backslash.
  auto capitals = ascii_upper(part);
  std::erase(capitals, '\\');
  return std::any_of(condstore_words.begin(), condstore_words.end(), [&](std::string_view word) {
    return capitals.find(word) != std::string::npos;
  });
}

}  // namespace mailpool::imap
