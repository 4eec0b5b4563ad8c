// From a request to its answer: each command is one call of ControlActions.

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/control/json.h"
#include "core/control/request.h"

namespace mailpool::control {
namespace {

std::string answered(Result<std::string> const& sentence) {
  return sentence ? answer_line(to_json(Done{*sentence})) : error_line(sentence.error().reason);
}

template <class T>
std::string shown(Result<T> const& what) {
  return what ? answer_line(to_json(*what)) : error_line(what.error().reason);
}

// A reason may not end the quotes that it is written in.
std::string in_quotes(std::string_view text) {
  auto out = printable(text);
  std::replace(out.begin(), out.end(), '"', '\'');
  return "\"" + out + "\"";
}

// What the name of a request is, in the log.
std::string_view subject_word(Request const& request) {
  if (row_of(request.command).naming == Naming::User) return "user";
  if (row_of(request.command).naming == Naming::Profile) return "profile";
  if (row_of(request.command).naming == Naming::Connection) return "connection";
  return request.is_domain ? "domain" : request.is_tenant ? "tenant" : "site";
}

template <class Ask>
std::string of_imap(ControlActions& actions, Ask ask) {
  auto* const imap = actions.imap();
  return imap == nullptr ? error_line("there is no [imap.NAME] in the configuration") : ask(*imap);
}

}  // namespace

Result<std::string> ControlActions::tls_report(std::string const&, std::string const&) {
  return failed("there are no TLS reports here");
}

Measured ControlActions::measured(std::span<std::string const>) {
  return {};
}
QueueStatus ControlActions::queue(std::size_t) {
  return {};
}
QueueStatus ControlActions::queued(std::uint64_t, std::size_t) {
  return {};
}

std::string perform(Request const& request, ControlActions& actions, Requester const& who) {
  Subject const subject{ascii_lower(request.name), request.is_domain, request.is_tenant,
                        ascii_lower(request.scope), request.is_all};
  switch (request.command) {
    case Command::Status:
      if (request.name.empty()) return answer_line(to_json(actions.status(request.most)));
      return shown(actions.status_of(subject.name, request.most));
    case Command::Connections:
      return shown(actions.connections(subject.name, request.most));
    case Command::Suspend:
      return answered(actions.suspend(subject, request.how_long, request.reason, who));
    case Command::Resume:
      return answered(actions.resume(subject, who));
    case Command::Flush:
      return answered(actions.flush(subject.name, who));
    case Command::Drain:
      return answered(actions.drain(who));
    case Command::Undrain:
      return answered(actions.undrain(who));
    case Command::Queue:
      return answer_line(to_json(request.is_list ? actions.queued(request.after, request.most)
                                                 : actions.queue(request.most)));
    case Command::Check:
      return answer_line(to_json(actions.check()));
    case Command::TlsReport: {
      auto const report = actions.tls_report(subject.name, request.day);
      return report ? answer_line(*report) : error_line(report.error().reason);
    }
    case Command::Imap:
      return of_imap(actions, [&](auto& imap) {
        return answer_line(to_json(imap.imap_status(request.most, request.name)));
      });
    case Command::ImapConnections:
      return of_imap(actions, [&](auto& imap) {
        return answer_line(to_json(imap.imap_connections(request.most)));
      });
    case Command::ImapFlush:
      return of_imap(actions, [&](auto& imap) { return answered(imap.imap_flush(request.name)); });
    case Command::ImapKill:
      return of_imap(actions, [&](auto& imap) { return answered(imap.imap_kill(request.name)); });
    case Command::ImapPause:
      return of_imap(actions, [&](auto& imap) { return answered(imap.imap_pause(request.name)); });
    case Command::ImapResume:
      return of_imap(actions, [&](auto& imap) { return answered(imap.imap_resume(request.name)); });
    case Command::Explain:
    case Command::Reload:
      // Their answers may come later: the server asks for them itself.
      return error_line(fmt::format("{} has no answer at once", row_of(request.command).word));
  }
  // A command without a case here does not compile; one that came over a cast does nothing.
  return error_line("there is no such command");
}

std::string audit_line(Request const& request, Requester const& who, std::string_view answer) {
  auto line = fmt::format("control command={} uid={} pid={}", row_of(request.command).word, who.uid,
                          who.pid);
  if (!who.name.empty()) line += fmt::format(" user={}", printable(who.name));
  if (request.is_all) line += " all=true";
  if (!request.name.empty())
    line += fmt::format(" {}={}", subject_word(request), printable(request.name));
  if (!request.scope.empty()) line += fmt::format(" scope={}", in_quotes(request.scope));
  if (request.command == Command::Suspend)
    line += fmt::format(" for={} reason={}", to_text(request.how_long), in_quotes(request.reason));
  auto const parsed = parse_answer(answer);
  if (!parsed) return line + " result=unreadable";
  if (parsed->is_refused) return line + fmt::format(" result=refused ({})", parsed->text);
  if (auto const report = from_json<ReloadReport>(parsed->text);
      request.command == Command::Reload && report && !report->is_applied)
    return line + fmt::format(" result=refused ({} mistakes)", report->mistakes.size());
  return line + " result=done";
}

}  // namespace mailpool::control
