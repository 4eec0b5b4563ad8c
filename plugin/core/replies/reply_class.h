#pragma once
// What a server's reply means to the sender: one of 27 classes, and what each of them asks for.
//
// The classes are about deeds, not about codes: two replies are of one class where the sender would
// do the same. Words are the same in events, metrics, logs and poolctl.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace mailpool::replies {

enum class ReplyClass : std::uint8_t {
  NoSuchUser,
  MailboxFull,
  MailboxDisabled,
  RelayDenied,
  BadAddressSyntax,
  NoSuchDomain,
  Greylisted,
  RateLimited,
  TooManyConnections,
  TooManyRecipients,
  TooManyMessagesOnConnection,
  IpBlocklisted,
  IpReputation,
  DomainReputation,
  ContentSpam,
  ContentVirusOrAttachment,
  UrlBlocklisted,
  AuthPolicy,
  ReverseDnsOrHelo,
  TlsRequiredOrFailed,
  LoginRequiredOrFailed,
  MessageTooBig,
  ProtocolError,
  ServerBusyOrShutdown,
  ServerFault,
  PolicyOther,
  Unknown,
};
inline constexpr std::size_t reply_classes = 27;

/// When the same message may be tried again with hope.
enum class Hope : std::uint8_t {
  Now,    ///< on another connection, or after seconds
  Later,  ///< by the MTA's clock
  Never,  ///< not before somebody has mended something
};
/// Who can mend it.
enum class Fault : std::uint8_t {
  Recipient,  ///< the address, or its owner
  Message,    ///< what is in it
  Sender,     ///< the sending domain: its records, its name
  Source,     ///< the address that connects
  Pace,       ///< how much is sent at a time
  Receiver,   ///< the server that replied
  Setup,      ///< how mailpool or the MTA talks to that server
  Nobody,     ///< nothing is known
};

struct ClassRow {
  ReplyClass which;
  std::string_view name;  ///< "no_such_user"
  Hope hope;
  Fault fault;
  std::string_view advice;  ///< what the sender should do, in a sentence without its full stop
};

/// All of them, in the order of the enumerators.
[[nodiscard]] std::span<ClassRow const> class_rows();
[[nodiscard]] ClassRow const& row_of(ReplyClass which);
[[nodiscard]] inline std::string_view name_of(ReplyClass which) {
  return row_of(which).name;
}
[[nodiscard]] std::string_view name_of(Hope hope);
[[nodiscard]] std::string_view name_of(Fault fault);
[[nodiscard]] std::optional<ReplyClass> class_named(std::string_view name);

}  // namespace mailpool::replies
