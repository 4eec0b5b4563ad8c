#pragma once
// Small files by HTTPS, on the event loop: libcurl, without its resolver, redirects, proxies and
// files, and above a budget of octets (tls_budget.h): for each turn, and for the whole answer.

#include <curl/curl.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/ip.h"
#include "core/base/result.h"
#include "manager/loop.h"

namespace mailpool::manager {

struct HttpsRequest {
  std::string host;
  std::uint16_t port = 443;
  std::string path;
  std::vector<IpAddress> addresses;   ///< of the host: nothing is resolved here
  Duration timeout{};                 ///< for all of it
  std::size_t most = 65'536;          ///< octets of the body; beside it, what is around it: 192 KiB
  X509_STORE* trust = nullptr;        ///< borrowed until the answer
  std::vector<IpNetwork> prohibited;  ///< never connected to
  std::vector<IpAddress> own;         ///< this machine's, likewise
};

enum class FetchTrouble : std::uint8_t {
  Unreachable,  ///< no connection, no answer in time, an HTTP status that is not 200
  Certificate,  ///< the host could not prove its name
  Content,      ///< too long, or no text/plain
  NoSocket,     ///< none can be made here: nobody was asked
};
struct FetchError {
  FetchTrouble trouble = FetchTrouble::Unreachable;
  std::string why;
};

class FetchListener {
 public:
  virtual ~FetchListener() = default;
  /// The body of a 200 answer of type text/plain.
  virtual void on_fetched(tl::expected<std::string, FetchError> body) = 0;
};

/// Under way; dropping it ends it without an answer, in its own callback too.
class Fetch {
 public:
  virtual ~Fetch() = default;
};

class HttpsFetcher {
 public:
  explicit HttpsFetcher(Loop& loop);
  ~HttpsFetcher();
  HttpsFetcher(HttpsFetcher const&) = delete;
  HttpsFetcher& operator=(HttpsFetcher const&) = delete;

  /// Answered once, never before this returns.
  [[nodiscard]] std::unique_ptr<Fetch> get(HttpsRequest request, FetchListener& listener);

 private:
  class Transfer;
  static int on_wish(CURL*, curl_socket_t fd, int what, void* self, void*);
  static int on_timer_wish(CURLM*, long milliseconds, void* self);
  static void on_socket(evutil_socket_t fd, short what, void* self);
  static void on_timer(evutil_socket_t, short, void* self);
  void act(curl_socket_t fd, int what);
  void deliver_finished();

  Loop& loop_;
  CURLM* multi_;
  std::vector<Transfer*> transfers_;
  EventPtr timer_;
  std::unordered_map<curl_socket_t, EventPtr> sockets_;
};

}  // namespace mailpool::manager
