#pragma once
// What a reply, or its absence, means: one table for all answers that are not the hoped-for one.
//
// A row is found by where the conversation stands, what happened, and what is known of the
// connection and the transaction; the first that fits counts. Each row has a test of its name. The
// commit point is the last octet of the dot line, or of the BDAT LAST chunk: before it nothing was
// delivered (RFC 5321 4.1.1.10), after it only a reply can tell, and nothing is ever sent again.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace mailpool::smtp {

/// Where a transaction stands when something happens.
enum class Place : std::uint8_t {
  Mail,       ///< waiting for the reply to MAIL FROM
  Rcpt,       ///< waiting for the reply to RCPT TO
  Data,       ///< waiting for the reply to DATA
  Content,    ///< the body is on its way and the commit point is not passed
  Chunk,      ///< BDAT LAST is out
  EndOfData,  ///< the dot is out
  Restart,    ///< BDAT was refused as unknown, waiting for the reply to RSET before DATA is tried
};
[[nodiscard]] std::string_view sentence_of(Place place);
/// "MAIL FROM", "end of data": what an outcome names as the command that was replied to.
[[nodiscard]] std::string_view command_of(Place place);

/// What happened: a reply code (200..599), or one of these. In a row, 2..5 stand for all replies of
/// a class.
using Sign = std::uint16_t;
inline constexpr Sign Lost = 10;          ///< EOF, reset or a failed write, with nothing readable
inline constexpr Sign LostMidReply = 11;  ///< the same, behind the beginning of a reply
inline constexpr Sign TimedOut = 12;
/// Garbage, 1xx, 6xx, mixed codes, an over-long reply, a reply nobody asked for.
inline constexpr Sign Nonsense = 13;

enum class When : std::uint8_t {
  Always,
  Reused,  ///< the connection carried a transaction before this one
  Fresh,
  SomeAccepted,  ///< at least one recipient was accepted
  NoneAccepted,  ///< every recipient has been answered, none was accepted
  MailRefused,
  ReusedAndSomeAccepted,
  Chunked,  ///< the body goes by BDAT
};

struct Context {
  bool is_reused = false;
  bool has_accepted = false;
  bool is_mail_refused = false;
  bool is_chunked = false;
};

enum class Action : std::uint8_t {
  PassToAll,        ///< the reply is the outcome of every recipient without one
  PassToOne,        ///< the reply is this recipient's outcome
  PassAndClose,     ///< as PassToAll, and the connection is of no use any more
  NextTransaction,  ///< this recipient goes into a transaction of its own on the same connection
  FreshConnection,  ///< a fault of the reused connection: all without a verdict go to a fresh one
  FreshForOne,      ///< the same, for this recipient alone
  WithoutChunking,  ///< RSET, then once more with DATA
  FreshWithoutChunking,  ///< the same on a fresh connection: this one is inside a chunk
  Defer,                 ///< 451 4.4.2 in our words
  Violation,             ///< 451 4.5.0 in our words; the connection is poisoned
  Ambiguous,             ///< 451 4.4.2: it may have been delivered
  KeepReplies,           ///< every recipient has its outcome already
  KeepAndPoison,         ///< the same, but the server took what had no recipient
  LoneDot,               ///< the same; end the data that nobody is to get, and close
};

struct Row {
  std::string_view name;
  Place place;
  std::array<Sign, 5> signs;  ///< any of these; 0 is none
  When when;
  Action action;
};

[[nodiscard]] std::span<Row const> rows();
/// The row for what happened. There is always one.
[[nodiscard]] Row const& row_for(Place place, Sign sign, Context context);

}  // namespace mailpool::smtp
