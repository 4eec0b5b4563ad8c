#include "fakemx/journal.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/base/text.h"

namespace mailpool::fakemx {

namespace {

Result<net::Fd> open_for_append(std::string const& path) {
  net::Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd) return failed(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  return fd;
}

/// An oracle that loses a line is none: whoever relies on it must see the end of it.
void write_or_die(int fd, std::string_view text, std::string_view what) {
  while (!text.empty()) {
    auto const n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      std::fputs(fmt::format("fakemx: cannot write {}: {}\n", what, std::strerror(errno)).c_str(),
                 stderr);
      std::abort();
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// A JSON string; octets that are no UTF-8 become \u00XX, as if they were Latin-1.
void append_json(std::string& to, std::string_view text) {
  bool const utf8 = is_valid_utf8(text);
  to += '"';
  for (auto const c : text) {
    auto const octet = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (to += '\\') += c;
    else if (octet < 0x20 || octet == 0x7f || (octet > 0x7f && !utf8))
      fmt::format_to(std::back_inserter(to), "\\u{:04x}", octet);
    else
      to += c;
  }
  to += '"';
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string token_of(net::Sha256::Digest const& body, std::string_view recipient) {
  thread_local net::Sha256 sha;
  sha.restart();
  sha.add(net::hex(body));
  sha.add(":");
  sha.add(recipient);
  return net::hex(sha.finish()).substr(0, 16);
}

Result<void> Journal::open_log(std::string const& path) {
  auto fd = open_for_append(path);
  if (!fd) return tl::make_unexpected(fd.error());
  log_ = std::move(*fd);
  return {};
}

Result<void> Journal::open_trace(std::string const& path) {
  auto fd = open_for_append(path);
  if (!fd) return tl::make_unexpected(fd.error());
  trace_ = std::move(*fd);
  return {};
}

void Journal::record(Received const& message) {
  if (wants_content()) save(*message.body);
  if (!log_) return;
  auto const digest = net::hex(message.body->digest());
  auto const traceless = net::hex(message.body->digest_without_received());
  auto const wall = wall_seconds();
  auto const mono = seconds(net::monotonic_now().time_since_epoch());
  lines_.clear();
  for (auto const& recipient : message.to) {
    fmt::format_to(std::back_inserter(lines_), R"({{"conn":{},"txn":{},"from":)",
                   message.connection, message.transaction);
    append_json(lines_, message.from);
    lines_ += R"(,"rcpt":)";
    append_json(lines_, recipient);
    fmt::format_to(std::back_inserter(lines_),
                   R"(,"outcome":"{}","tok":"{}","size":{},"sha256":"{}",)"
                   R"("sha256_no_received":"{}","time":{:.6f},"mono":{:.6f}}})"
                   "\n",
                   message.outcome, token_of(message.body->digest(), recipient),
                   message.body->size(), digest, traceless, wall, mono);
  }
  write_or_die(log_.get(), lines_, "the log");
}

void Journal::trace(std::uint64_t connection, char direction, std::string_view text) {
  if (!trace_) return;
  std::string lines;
  auto const mono = seconds(net::monotonic_now().time_since_epoch());
  while (!text.empty()) {
    auto const line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    auto const shown = line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
    fmt::format_to(std::back_inserter(lines), "{:.6f} {} {} {}\n", mono, connection, direction,
                   printable(shown, 1000));
  }
  write_or_die(trace_.get(), lines, "the trace");
}

void Journal::save(BodyReader const& body) const {
  auto const path = folder_ + "/" + net::hex(body.digest());
  auto const unfinished = path + ".part";
  net::Fd const fd(open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return write_or_die(-1, path, path);
  write_or_die(fd.get(), body.content(), path);
  rename(unfinished.c_str(), path.c_str());
}

}  // namespace mailpool::fakemx
