#include "manager/https_fetcher.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "core/base/text.h"
#include "core/route/router.h"
#include "manager/tls.h"
#include "manager/tls_budget.h"
#include "posix/shortage.h"
#include "posix/socket_address.h"

namespace mailpool::manager {
namespace {

// Certificates (OpenSSL takes 100 KiB of them), the header, the chunks, and the trailers behind the
// last of these, which libcurl keeps without end.
constexpr std::size_t octets_around_the_body = 192U << 10U;

// Of libcurl's contexts, for the transfer that each is of.
int transfer_index() {
  static int const index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// "host:443:192.0.2.1,[2001:db8::1]"
std::string resolve_line(HttpsRequest const& request) {
  std::string line = fmt::format("{}:{}:", request.host, request.port);
  for (std::size_t i = 0; i < request.addresses.size(); ++i) {
    auto const& address = request.addresses[i];
    if (i != 0) line += ',';
    line += address.is_v4() ? address.to_string() : "[" + address.to_string() + "]";
  }
  return line;
}

bool is_about_the_certificate(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CERTPROBLEM ||
         code == CURLE_SSL_ISSUER_ERROR;
}

}  // namespace

class HttpsFetcher::Transfer final : public Fetch {
 public:
  Transfer(HttpsFetcher& owner, HttpsRequest request, FetchListener& listener)
      : owner_(owner),
        request_(std::move(request)),
        listener_(listener),
        easy_(curl_easy_init()),
        resolve_(curl_slist_append(nullptr, resolve_line(request_).c_str())) {
    if (easy_ == nullptr || resolve_ == nullptr) throw std::bad_alloc();
    set_options();
    owner_.transfers_.push_back(this);
    curl_multi_add_handle(owner_.multi_, easy_);
  }
  ~Transfer() override {
    std::erase(owner_.transfers_, this);
    curl_multi_remove_handle(owner_.multi_, easy_);
    curl_easy_cleanup(easy_);
    curl_slist_free_all(resolve_);
  }
  Transfer(Transfer const&) = delete;
  Transfer& operator=(Transfer const&) = delete;

  void begin_turn() {
    if (budget_) budget_->begin_turn();
  }
  /// May destroy it.
  void finish(CURLcode code) { listener_.on_fetched(result_of(code)); }

 private:
  void set_options() {
    auto const set = [this](CURLoption option, auto value) {
      curl_easy_setopt(easy_, option, value);
    };
    auto const url = fmt::format("https://{}:{}{}", request_.host, request_.port, request_.path);
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PRIVATE, this);
    set(CURLOPT_PROTOCOLS_STR, "https");
    set(CURLOPT_FOLLOWLOCATION, 0L);  // RFC 8461 3.3: redirects are not followed
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_USERAGENT, "mailpool");
    set(CURLOPT_RESOLVE, resolve_);
    set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_FORBID_REUSE, 1L);
    set(CURLOPT_TIMEOUT_MS,
        static_cast<long>(
            std::chrono::duration_cast<std::chrono::milliseconds>(request_.timeout).count()));
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    // The authorities are in memory already: no file is read on the loop.
    set(CURLOPT_CAINFO, static_cast<char*>(nullptr));
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
    set(CURLOPT_SSL_CTX_FUNCTION, &Transfer::on_context);
    set(CURLOPT_SSL_CTX_DATA, this);
    set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open);
    set(CURLOPT_OPENSOCKETDATA, this);
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, this);
  }

  static CURLcode on_context(CURL*, void* context, void* self) {
    auto* const made = static_cast<SSL_CTX*>(context);
    SSL_CTX_set1_cert_store(made, static_cast<Transfer*>(self)->request_.trust);
    bound_servers(made);
    SSL_CTX_set_ex_data(made, transfer_index(), self);
    SSL_CTX_set_info_callback(made, &Transfer::on_info);
    return CURLE_OK;
  }

  // The connection is libcurl's. Before its first octet moves, the budget goes below it.
  static void on_info(SSL const* ssl, int where, int) {
    auto* const self =
        static_cast<Transfer*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), transfer_index()));
    if ((where & SSL_CB_HANDSHAKE_START) == 0 || self == nullptr || self->budget_) return;
    TlsBudget::Limits limits;
    limits.octets_in_all = self->request_.most + octets_around_the_body;
    // Nobody says where content begins: the bound of all octets is one of records as well.
    limits.records_without_content = limits.octets_of_a_handshake = TlsBudget::unlimited;
    self->budget_ = TlsBudget::put_below(const_cast<SSL*>(ssl), limits);
  }

  // Asked with the address that is really connected to.
  static curl_socket_t on_open(void* self, curlsocktype, curl_sockaddr* address) {
    auto& transfer = *static_cast<Transfer*>(self);
    auto const ip = posix::to_ip(&address->addr);
    if (!ip || route::is_prohibited(*ip, transfer.request_.prohibited, transfer.request_.own)) {
      transfer.prohibited_ = ip ? ip->to_string() : "an address of a strange family";
      return CURL_SOCKET_BAD;
    }
    int const fd = ::socket(address->family, address->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                            address->protocol);
    if (fd < 0 && posix::is_shortage(errno)) transfer.shortage_ = posix::shortage_words(errno);
    return fd;
  }

  static std::size_t on_body(char const* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    auto const octets = size * count;
    if (transfer.body_.size() + octets > transfer.request_.most) {
      transfer.is_too_long_ = true;
      return 0;
    }
    transfer.body_.append(data, octets);
    return octets;
  }

  [[nodiscard]] tl::expected<std::string, FetchError> result_of(CURLcode code) {
    auto const no = [](FetchTrouble trouble, std::string why) {
      return tl::make_unexpected(FetchError{trouble, std::move(why)});
    };
    if (!prohibited_.empty())
      return no(FetchTrouble::Unreachable, prohibited_ + " is prohibited (option prohibited)");
    if (code != CURLE_OK && !shortage_.empty())
      return no(FetchTrouble::NoSocket, std::move(shortage_));
    if (budget_ && !budget_->exceeded().empty())
      return no(FetchTrouble::Content, std::string(budget_->exceeded()));
    if (is_too_long_)
      return no(FetchTrouble::Content, fmt::format("longer than {} octets", request_.most));
    if (code != CURLE_OK)
      return no(
          is_about_the_certificate(code) ? FetchTrouble::Certificate : FetchTrouble::Unreachable,
          curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
      return no(FetchTrouble::Unreachable, fmt::format("HTTP status {}, not 200", status));
    char const* type = nullptr;
    curl_easy_getinfo(easy_, CURLINFO_CONTENT_TYPE, &type);
    if (type == nullptr || !ascii_istarts_with(type, "text/plain"))
      return no(FetchTrouble::Content, "not of type text/plain");
    return std::move(body_);
  }

  HttpsFetcher& owner_;
  HttpsRequest request_;
  FetchListener& listener_;
  CURL* easy_;
  curl_slist* resolve_;
  std::shared_ptr<TlsBudget> budget_;  ///< once the handshake has begun
  std::string body_;
  std::string prohibited_;
  std::string shortage_;  ///< why no socket could be made
  bool is_too_long_ = false;
};

HttpsFetcher::HttpsFetcher(Loop& loop)
    : loop_(loop),
      multi_((curl_global_init(CURL_GLOBAL_DEFAULT), curl_multi_init())),
      timer_(loop.make_event(-1, 0, on_timer, this)) {
  if (multi_ == nullptr) throw std::runtime_error("libcurl: no memory");
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &HttpsFetcher::on_wish);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &HttpsFetcher::on_timer_wish);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
}

HttpsFetcher::~HttpsFetcher() {
  curl_multi_cleanup(multi_);
  curl_global_cleanup();
}

std::unique_ptr<Fetch> HttpsFetcher::get(HttpsRequest request, FetchListener& listener) {
  return std::make_unique<Transfer>(*this, std::move(request), listener);
}

int HttpsFetcher::on_wish(CURL*, curl_socket_t fd, int what, void* self, void*) {
  auto& fetcher = *static_cast<HttpsFetcher*>(self);
  fetcher.sockets_.erase(fd);
  if (what == CURL_POLL_REMOVE) return 0;
  int events = EV_PERSIST;
  if ((what & CURL_POLL_IN) != 0) events |= EV_READ;
  if ((what & CURL_POLL_OUT) != 0) events |= EV_WRITE;
  auto event = fetcher.loop_.make_event(fd, static_cast<short>(events), on_socket, self);
  event_add(event.get(), nullptr);
  fetcher.sockets_.emplace(fd, std::move(event));
  return 0;
}

int HttpsFetcher::on_timer_wish(CURLM*, long milliseconds, void* self) {
  auto* const timer = static_cast<HttpsFetcher*>(self)->timer_.get();
  if (milliseconds < 0) return event_del(timer), 0;
  Loop::arm(timer, std::chrono::milliseconds(milliseconds));
  return 0;
}

void HttpsFetcher::on_socket(evutil_socket_t fd, short what, void* self) {
  int mask = 0;
  if ((what & EV_READ) != 0) mask |= CURL_CSELECT_IN;
  if ((what & EV_WRITE) != 0) mask |= CURL_CSELECT_OUT;
  static_cast<HttpsFetcher*>(self)->act(fd, mask);
}

void HttpsFetcher::on_timer(evutil_socket_t, short, void* self) {
  static_cast<HttpsFetcher*>(self)->act(CURL_SOCKET_TIMEOUT, 0);
}

void HttpsFetcher::act(curl_socket_t fd, int what) {
  for (auto* transfer : transfers_) transfer->begin_turn();
  int running = 0;
  curl_multi_socket_action(multi_, fd, what, &running);
  deliver_finished();
  loop_.end_turn_soon();
}

void HttpsFetcher::deliver_finished() {
  int left = 0;
  while (auto const* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    auto const code = message->data.result;
    Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    transfer->finish(code);
  }
}

}  // namespace mailpool::manager
