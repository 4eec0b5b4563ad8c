#pragma once
// What a script says: at which stage, under which conditions, does the server do what.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "fakemx/extensions.h"
#include "fakemx/values.h"

namespace mailpool::fakemx {

/// The moments of a conversation at which a rule can step in. The order is that of stage_names.
enum class Stage : std::uint8_t {
  Connect,  ///< instead of the greeting
  Ehlo,
  Helo,
  Lhlo,
  Starttls,
  Auth,  ///< AUTH, and each line that follows a 334
  Tls,   ///< the ClientHello has arrived, nothing has been answered
  Mail,
  Rcpt,
  Data,
  Body,  ///< so many octets of the body have arrived
  End,   ///< the whole message has arrived; with LMTP once per accepted recipient
  Bdat,  ///< the octets of one chunk have arrived
  Rset,
  Noop,
  Vrfy,
  Quit,
  Idle,  ///< no command for so long, outside of a transaction
};
inline constexpr std::size_t stage_count = 18;

[[nodiscard]] std::string_view name_of(Stage stage);
[[nodiscard]] std::optional<Stage> stage_named(std::string_view name);

class StageSet {
 public:
  constexpr StageSet() = default;
  constexpr StageSet(std::initializer_list<Stage> stages) {
    for (auto const stage : stages) add(stage);
  }
  [[nodiscard]] static constexpr StageSet all() {
    StageSet set;
    set.bits_ = (1U << stage_count) - 1;
    return set;
  }
  constexpr void add(Stage stage) { bits_ |= 1U << static_cast<unsigned>(stage); }
  [[nodiscard]] constexpr bool has(Stage stage) const {
    return (bits_ >> static_cast<unsigned>(stage) & 1U) != 0;
  }
  [[nodiscard]] constexpr bool within(StageSet other) const { return (bits_ & ~other.bits_) == 0; }

 private:
  std::uint32_t bits_ = 0;
};

enum class ActionKind : std::uint8_t {
  Normal,       ///< what the server does without a rule
  Reply,        ///< `code` and `text`, one line per \n, with what such a code brings about
  Silent,       ///< no reply; the next command is read
  Send,         ///< `text` as it is, `count` times
  Endless,      ///< `text` again and again, every `duration`
  Flush,        ///< what was said so far leaves now, in a segment of its own
  Trickle,      ///< from here on `count` octets at a time, every `duration`
  Split,        ///< from here on cut behind the octets `offsets`, with `duration` between
  Delay,        ///< for `duration`
  Hang,         ///< no word ever again
  Close,        ///< FIN (with TLS: behind a close_notify)
  Drop,         ///< FIN alone
  Reset,        ///< RST
  HalfClose,    ///< FIN, but the server goes on reading
  CloseNotify,  ///< TLS close_notify, the connection stays
  StopReading,  ///< the window fills; for `duration`, if it is not 0
  Commit,       ///< the message counts as accepted and goes to the log, now
  Without,      ///< does not announce `extension` in this answer to EHLO
  Announce,     ///< announces `text` besides
  Alert,        ///< fatal TLS alert `code`
  Ticket,       ///< TLS 1.3 NewSessionTicket
  KeyUpdate,    ///< TLS 1.3 KeyUpdate
  Renegotiate,  ///< TLS 1.2 HelloRequest
  Signal,       ///< signal `code` to the process `text` ("1234", or "@FILE" that holds the number)
  Die,          ///< fakemx kills itself with SIGKILL
};

struct Action {
  ActionKind kind = ActionKind::Normal;
  int code = 0;
  std::string text;
  Duration duration{};
  std::uint64_t count = 1;
  std::vector<std::uint64_t> offsets;
  Extension extension = Extension::Pipelining;
};

/// A rule is meant if all that is given holds.
struct Conditions {
  std::optional<NumberSet> connection;  ///< conn=: the n-th connection
  std::optional<NumberSet> listener;    ///< listener=: came in by the n-th listener
  std::optional<NumberSet> message;     ///< message=: the n-th MAIL of the connection
  std::optional<NumberSet> total;       ///< total=: the n-th MAIL of all
  std::optional<NumberSet> recipient;   ///< rcpt=: the n-th RCPT of the transaction
  std::optional<NumberSet> chunk;       ///< chunk=: the n-th BDAT of the message
  std::optional<NumberSet> nth;         ///< nth=: the n-th time that all else holds
  std::optional<AddressGlobs> to;
  std::optional<AddressGlobs> from;
  std::optional<AddressGlobs> helo;
  std::optional<bool> tls;
  std::uint64_t at = 0;  ///< body: octets
  Duration after{};      ///< idle
  double odds = 1;
};

struct Rule {
  StageSet stages;
  Conditions when;
  std::vector<Action> actions;  ///< not empty
};

struct Change {
  std::string name;
  std::string value;
};

/// A script that was read without a mistake.
struct Script {
  std::vector<Change> changes;  ///< `set` lines
  std::vector<Rule> rules;      ///< the first that is meant is taken
};

/// Reads a script. On failure: every mistake, each "FILE:LINE: what is wrong, and what would be
/// right".
[[nodiscard]] tl::expected<Script, std::vector<std::string>> parse_script(std::string_view text,
                                                                          std::string_view file);

/// The language, for --help-script and the README.
[[nodiscard]] std::string_view script_help();

}  // namespace mailpool::fakemx
