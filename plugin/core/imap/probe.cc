#include "core/imap/probe.h"

namespace mailpool::imap {

void Probe::on_input(std::string_view octets, TimePoint now) {
  input_ += octets;
  auto const end_of_line = input_.find("\r\n");
  if (end_of_line == std::string::npos) {
    if (input_.size() > wire::ImapResponseScanner::longest_held) end("no greeting", now);
    return;
  }
  end(input_.starts_with("* OK") ? "" : "no greeting", now);
}

void Probe::on_end(std::string_view how, bool, TimePoint now) {
  end(std::string(how), now);
}

void Probe::on_no_socket(std::string_view, TimePoint now) {
  if (!channel_) return;
  channel_.reset();
  profile_.health_.put_off_probe(server_);
  profile_.rest_for_sockets(now);
  profile_.due();
}

void Probe::on_deadline(TimePoint now) {
  end("no greeting within connect_timeout", now);
}

TimePoint Probe::deadline() const {
  return channel_ ? after(began_at_, profile_.settings_.connect_timeout) : never;
}

void Probe::end(std::string why, TimePoint now) {
  if (!channel_) return;
  channel_.reset();
  if (why.empty())
    profile_.health_.note_success(server_);
  else
    profile_.health_.note_failure(server_, std::move(why), now);
  profile_.due();
}

}  // namespace mailpool::imap
