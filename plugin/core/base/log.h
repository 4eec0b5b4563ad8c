#pragma once
// What a log line says; where it goes is the manager's business.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/text.h"

namespace mailpool {

enum class LogLevel : std::uint8_t { Debug, Info, Warning, Error };

/// Takes finished lines. Never blocks, never throws: the manager's implementation queues for a
/// writer thread.
class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string line) = 0;
  [[nodiscard]] virtual bool is_on(LogLevel level) const = 0;

  void debug(std::string line) { write(LogLevel::Debug, std::move(line)); }
  void info(std::string line) { write(LogLevel::Info, std::move(line)); }
  void warning(std::string line) { write(LogLevel::Warning, std::move(line)); }
  void error(std::string line) { write(LogLevel::Error, std::move(line)); }
};

}  // namespace mailpool
