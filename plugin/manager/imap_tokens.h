#pragma once
// The bearer tokens of [imap.NAME.account]: read from files and programs every so often, without
// holding up the loop.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/base/log.h"
#include "core/base/secret.h"
#include "core/config/imap_settings.h"
#include "manager/background.h"
#include "manager/loop.h"

namespace mailpool::manager {

class ImapTokens {
 public:
  using Take = std::function<void(std::string const& profile, Secret token)>;

  /// `take` is called on the loop, with an empty token where none can be had; references must
  /// outlive the reader.
  ImapTokens(Loop& loop, Log& log, Take take);
  /// Programs that still run are killed.
  ~ImapTokens();
  ImapTokens(ImapTokens const&) = delete;
  ImapTokens& operator=(ImapTokens const&) = delete;

  /// Reads all of them again, and from then on each every `refresh`.
  void reconfigure(std::map<std::string, ImapSettings> const& profiles);
  /// The server refuses the token: read at once, but no more than once in a while.
  void refuse(std::string const& profile, TimePoint now);

 private:
  struct Reader;
  static void on_timer(evutil_socket_t, short, void* reader);
  void read(Reader& reader);
  void finish(std::string const& profile, Result<Secret> token);

  Loop& loop_;
  Log& log_;
  Take take_;
  std::atomic<bool> is_stopping_ = false;
  std::map<std::string, std::unique_ptr<Reader>> readers_;
};

}  // namespace mailpool::manager
