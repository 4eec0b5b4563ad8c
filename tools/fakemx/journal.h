#pragma once
// The oracle: what was accepted, written down before it is said.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "fakemx/body.h"
#include "net/handles.h"

namespace mailpool::fakemx {

/// 16 hexadecimal digits: the head of SHA-256 over the body's digest (64 hexadecimal digits), ':'
/// and the recipient. Only who has the reply to this body for this recipient can know it.
[[nodiscard]] std::string token_of(net::Sha256::Digest const& body, std::string_view recipient);

/// One message at its end.
struct Received {
  std::uint64_t connection = 0;
  std::uint64_t transaction = 0;  ///< of the connection, from 1
  std::string_view from;
  std::span<std::string const> to;
  BodyReader const* body = nullptr;
  std::string_view outcome;  ///< "accepted" or "not_accepted"
};

/// An append-only file of JSON lines, one per message and recipient; a folder of bodies; a
/// transcript of commands and replies.
class Journal {
 public:
  [[nodiscard]] Result<void> open_log(std::string const& path);
  [[nodiscard]] Result<void> open_trace(std::string const& path);
  void save_bodies_in(std::string folder) { folder_ = std::move(folder); }

  [[nodiscard]] bool wants_traceless() const { return bool(log_); }
  [[nodiscard]] bool wants_content() const { return !folder_.empty(); }
  [[nodiscard]] bool wants_trace() const { return bool(trace_); }

  /// One write(2) with a line per recipient; on return the kernel has it, so that it outlives
  /// fakemx.
  void record(Received const& message);
  void trace(std::uint64_t connection, char direction, std::string_view text);

 private:
  void save(BodyReader const& body) const;

  net::Fd log_;
  net::Fd trace_;
  std::string folder_;
  std::string lines_;
};

}  // namespace mailpool::fakemx
