#pragma once
// The replies that are owed, in the order in which they were asked for (RFC 2920 3.1: replies are
// matched by counting).

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mailpool::smtp {

enum class Command : std::uint8_t {
  Greeting,
  Ehlo,
  Helo,
  StartTls,
  Auth,
  Mail,
  Rcpt,
  Data,
  Bdat,
  EndOfData,
  Rset,
  LoneDot,
  Quit
};

struct Owed {
  Command command;
  std::uint32_t recipient = 0;    ///< of Rcpt
  std::uint32_t transaction = 0;  ///< number on this connection
  /// Where the command ends in the stream of commands: before that is sent, no reply is owed.
  std::uint64_t asked_at = 0;
};

/// Knows no transactions: entries of several may stand in it one behind the other.
class Ledger {
 public:
  [[nodiscard]] bool is_empty() const { return head_ == owed_.size(); }
  [[nodiscard]] Owed const& front() const {
    assert(!is_empty() && "somebody owes a reply");
    return owed_[head_];
  }
  void push(Owed owed) { owed_.push_back(owed); }
  void pop() {
    assert(!is_empty() && "somebody owes a reply");
    if (++head_ == owed_.size()) clear();
  }
  void clear() {
    owed_.clear();
    head_ = 0;
  }

 private:
  std::vector<Owed> owed_;  // its memory is kept from one transaction to the next
  std::size_t head_ = 0;
};

}  // namespace mailpool::smtp
