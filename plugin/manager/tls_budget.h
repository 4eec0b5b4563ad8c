#pragma once
// How much of a server's octets TLS may take: in a turn of the loop, and in all.
//
// OpenSSL goes on within one call for as long as the socket has records for it that hold no content
// (HelloRequest, KeyUpdate, tickets, empty ones, or a handshake that does not end). So its reads
// pass through a BIO of ours that counts records and octets, and says "not now" when the turn's
// share is used up: the loop comes back to the socket after everybody else's turn. It knows nothing
// of what the records say.

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

namespace mailpool::manager {

class TlsBudget {
 public:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  /// What ends the connection but for the first two, which end the turn.
  struct Limits {
    std::size_t octets_in_a_turn = 64U << 10U;
    std::size_t records_in_a_turn = 128;
    /// One after the other. A key update costs more than most content.
    std::size_t records_without_content = 1024;
    /// OpenSSL bounds a certificate list at 100 KiB.
    std::size_t octets_of_a_handshake = 256U << 10U;
    std::size_t octets_in_all = unlimited;
  };

  explicit TlsBudget(Limits limits);

  /// Puts a new one between the connection and the BIO that it reads from; null when out of memory.
  static std::shared_ptr<TlsBudget> put_below(SSL* ssl, Limits limits);
  /// The connection's own; null if it has none.
  [[nodiscard]] static TlsBudget* of(SSL* ssl);

  void begin_turn();
  /// Content has come: the handshake is over, and records without are counted from here.
  void note_content();
  void note_handshake_done() { octets_of_handshake_ = unlimited; }
  /// Why nothing more is read from this server; "" while something is.
  [[nodiscard]] std::string_view exceeded() const { return exceeded_; }

  // For the BIO.
  /// How many of `wanted` octets may be read now; none: not in this turn, or never (exceeded()).
  [[nodiscard]] std::size_t grant(std::size_t wanted);
  /// They have been read.
  void take(std::string_view octets);

 private:
  [[nodiscard]] bool is_between_records() const { return header_ == 0 && left_of_record_ == 0; }
  void count_record();
  void exceed(std::string why);

  Limits limits_;
  std::size_t octets_in_turn_ = 0;
  std::size_t records_in_turn_ = 0;
  std::size_t octets_of_handshake_ = 0;
  std::size_t octets_in_all_ = 0;
  std::size_t records_without_content_ = 0;
  std::size_t header_ = 0;  ///< octets of a record's header that have been read
  std::size_t length_ = 0;  ///< the first octet of two
  std::size_t left_of_record_ = 0;
  std::string exceeded_;
};

}  // namespace mailpool::manager
