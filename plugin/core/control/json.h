#pragma once
// The structs of snapshot.h as JSON text and back. No JSON type shows here: only json.cc pays for
// the library.
//
// Spans are seconds with decimals, wall times RFC 3339 in UTC, and a Moment is two keys: NAME (wall
// time or null) and NAME_in (seconds or null). Reading is tolerant, since the two ends may differ
// in version: what is missing or of another type keeps its default.

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/control/actions.h"
#include "core/control/snapshot.h"

namespace mailpool::control {

/// What a change leaves behind: {"done": "google: suspended until ..."}.
struct Done {
  std::string sentence;
};

// One line of text each, without a line end; every string in it is printable.
[[nodiscard]] std::string to_json(ManagerStatus const& status);
[[nodiscard]] std::string to_json(NameStatus const& status);
[[nodiscard]] std::string to_json(std::vector<ConnectionStatus> const& connections);
[[nodiscard]] std::string to_json(Explanation const& explanation);
[[nodiscard]] std::string to_json(std::vector<Finding> const& findings);
[[nodiscard]] std::string to_json(ImapStatus const& status);
[[nodiscard]] std::string to_json(std::vector<ImapConnectionStatus> const& connections);
[[nodiscard]] std::string to_json(QueueStatus const& status);
[[nodiscard]] std::string to_json(ReloadReport const& report);
[[nodiscard]] std::string to_json(Done const& done);
/// {"error": "..."}
[[nodiscard]] std::string to_json(Error const& error);

/// For each of the structs above; an error only where `text` is no JSON object.
template <class T>
[[nodiscard]] Result<T> from_json(std::string_view text);

/// The envelope of every answer, one line with its line end: {"v": 1, "result": ...} or
/// {"v": 1, "error": "..."}. `result` is what to_json gave.
[[nodiscard]] std::string answer_line(std::string const& result);
[[nodiscard]] std::string error_line(std::string_view why);

/// The result inside an answer, as JSON text; an error is the manager's own words, or says that
/// this was no answer.
struct Answer {
  bool is_refused = false;
  std::string text;  ///< JSON of the result, or why it was refused
};
[[nodiscard]] Result<Answer> parse_answer(std::string_view line);

/// The same JSON for people who read it: indented by two.
[[nodiscard]] std::string indented(std::string const& json);

/// "2026-11-21T06:30:00Z".
[[nodiscard]] std::string to_rfc3339(WallTime t);
[[nodiscard]] Result<WallTime> from_rfc3339(std::string_view text);

}  // namespace mailpool::control
