#pragma once
// A DNS server on a loopback UDP port, on the event loop of the test.

#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/route/dns_reader.h"
#include "fakes/dns_reply.h"

namespace mailpool::fakes {

/// Answers what it was told; anything else with the rcode `otherwise` (NXDOMAIN) and a SOA, or not
/// at all.
class DnsServer {
 public:
  explicit DnsServer(event_base* base)
      : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0)
      getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    event_ = event_new(base, socket_, EV_READ | EV_PERSIST, on_readable, this);
    event_add(event_, nullptr);
  }
  ~DnsServer() {
    event_free(event_);
    close(socket_);
  }
  DnsServer(DnsServer const&) = delete;
  DnsServer& operator=(DnsServer const&) = delete;

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void answer(std::string const& name, std::uint16_t type, DnsReply message) {
    answers_.insert_or_assign({name, type}, std::move(message));
  }

  std::uint8_t otherwise = 3;
  bool is_silent = false;
  bool truncates = false;            ///< says "ask over TCP", where nobody listens
  std::map<std::string, int> asked;  ///< by name

 private:
  static void on_readable(evutil_socket_t, short, void* self) {
    static_cast<DnsServer*>(self)->receive();
  }
  void receive() {
    std::array<std::uint8_t, 4096> buffer{};
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto const length = recvfrom(socket_, buffer.data(), buffer.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &size);
    if (length < 12) return;
    route::Octets const question(buffer.data(), static_cast<std::size_t>(length));
    auto const reply = reply_to(question);
    if (!is_silent)
      sendto(socket_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
  std::vector<std::uint8_t> reply_to(route::Octets question) {
    std::size_t at = 12;
    auto const name = route::with_dots(route::read_name(question, at).value()).value();
    auto const type = route::read_u16(question, at).value();
    ++asked[name];
    auto const found = answers_.find({name, type});
    auto octets = found != answers_.end()
                      ? found->second.octets()
                      : DnsReply(name, type, otherwise).soa("", 300, 60).octets();
    octets[0] = question[0];
    octets[1] = question[1];
    octets[2] = static_cast<std::uint8_t>(0x80 | (question[2] & 1));  // an answer, RD as asked
    if (truncates) octets[2] |= 2;
    return octets;
  }

  int socket_;
  std::uint16_t port_ = 0;
  event* event_ = nullptr;
  std::map<std::pair<std::string, std::uint16_t>, DnsReply> answers_;
};

}  // namespace mailpool::fakes
