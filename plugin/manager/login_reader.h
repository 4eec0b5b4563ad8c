#pragma once
// Brings the logins the secrets that they want, from files and programs, without holding up the
// loop.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/delivery/logins.h"
#include "manager/background.h"
#include "manager/log_writer.h"
#include "manager/loop.h"

namespace mailpool::manager {

class LoginReader {
 public:
  /// References must outlive the reader. `changed` is called when a login's readiness may be
  /// another.
  LoginReader(Loop& loop, delivery::Logins& logins, Log& log, std::function<void()> changed);
  /// Programs that still run are killed.
  ~LoginReader();
  LoginReader(LoginReader const&) = delete;
  LoginReader& operator=(LoginReader const&) = delete;

  /// Begins to read what is wanted. Call in each turn.
  void read_wanted();

 private:
  void take(std::string const& name, Result<Secret> secret);

  Loop& loop_;
  delivery::Logins& logins_;
  Log& log_;
  std::function<void()> changed_;
  std::atomic<bool> is_stopping_ = false;
  /// One each: a program that hangs delays no other login.
  std::map<std::string, std::unique_ptr<Background>> threads_;
};

}  // namespace mailpool::manager
