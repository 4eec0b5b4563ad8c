#pragma once
// Why a connection was closed instead of kept: every reason is counted under its name.

#include <array>
#include <cstdint>
#include <map>
#include <string_view>

namespace mailpool::imap {

enum class Discard : std::uint8_t {
  None,
  TaintEnable,     ///< ENABLE: nothing takes it back
  TaintCondstore,  ///< CONDSTORE, by whatever command: every FETCH would carry MODSEQ
  TaintNotify,     ///< NOTIFY: its default cannot be set again
  TaintOther,      ///< LANGUAGE, COMPARATOR, or a command that is not known
  Desync,          ///< an answer that nobody asked for, or a state that is not certain
  OpenLiteral,     ///< the client left in the middle of a command
  ResetTimeout,    ///< it was not clean within reset_timeout
  ResetMaxBytes,   ///< it had more to say than reset_max_bytes
  ResetRefused,    ///< the server refused UNSELECT or the barrier
  CheckFailed,     ///< it did not answer NOOP within check_timeout
  Bye,             ///< the server said BYE
  Eof,             ///< the server closed it, or the network did
  Tls,             ///< TLS failed
  Parse,           ///< what the server said is not IMAP
  MaxLifetime,
  MaxUses,
  IdleTimeout,
  MaxLoanTime,
  AnswerTimeout,  ///< the server owed an answer and was silent
  OverSize,       ///< pool_size or max_connections is smaller now, or another user needs the room
  Reload,         ///< the profile changed or went away
  CredChanged,    ///< made with a password that is not the newest one
  TurnedOver,     ///< another user is logged in on it now (UNAUTHENTICATE)
  Descriptors,    ///< the manager has no file descriptor left
  Reauth,         ///< made room for the login that proves a password again
  Flush,          ///< poolctl imap flush
  Drain,          ///< the manager is stopping
  Killed,         ///< poolctl imap kill
};
inline constexpr std::size_t discards = 29;

[[nodiscard]] std::string_view name_of(Discard reason);

/// How often each was the reason.
using DiscardCounts = std::array<std::uint64_t, discards>;

}  // namespace mailpool::imap
