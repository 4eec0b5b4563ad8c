#pragma once
// Where sessions ask whether there is room; the manager's door, or a test's.

#include <cstdint>
#include <string>

namespace mailpool::milter {

struct Admission {
  bool is_refused = false;
  std::string text;  ///< why, for the sender
};

class Gate {
 public:
  virtual ~Gate() = default;
  /// Ends within its deadline, whatever the manager does. Called by many threads at once.
  virtual Admission ask(std::string const& domain, std::string const& tenant,
                        std::uint16_t recipients) = 0;
};

}  // namespace mailpool::milter
