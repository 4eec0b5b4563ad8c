// What the fetcher of policies says of a host that it could not ask.

#include "manager/https_fetcher.h"

#include <fcntl.h>
#include <openssl/x509_vfy.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <optional>

using namespace mailpool;
using namespace mailpool::manager;
using namespace std::chrono_literals;

namespace {

struct Heard final : FetchListener {
  std::optional<tl::expected<std::string, FetchError>> answer;
  void on_fetched(tl::expected<std::string, FetchError> body) override { answer = std::move(body); }
};

struct FetchLab {
  /// Port 9 of this host: nobody listens there.
  FetchError fetch_in_vain(rlim_t most_descriptors) {
    Heard heard;
    HttpsRequest request;
    request.host = "mta-sts.example.org";
    request.port = 9;
    request.path = "/.well-known/mta-sts.txt";
    request.addresses = {IpAddress::parse("127.0.0.1").value()};
    request.timeout = 10s;
    request.most = 1000;
    request.trust = trust.get();
    rlimit usual{};
    getrlimit(RLIMIT_NOFILE, &usual);
    auto lowered = usual;
    lowered.rlim_cur = most_descriptors == 0 ? usual.rlim_cur : most_descriptors;
    BOOST_REQUIRE(setrlimit(RLIMIT_NOFILE, &lowered) == 0);
    auto const fetch = fetcher.get(std::move(request), heard);
    for (int turns = 0; turns < 1000 && !heard.answer; ++turns)
      event_base_loop(loop.base(), EVLOOP_ONCE);
    setrlimit(RLIMIT_NOFILE, &usual);
    BOOST_REQUIRE(heard.answer);
    BOOST_REQUIRE(!heard.answer->has_value());
    return heard.answer->error();
  }

  static rlim_t lowest_free() {
    int const fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    return static_cast<rlim_t>(fd);
  }

  Loop loop;
  HttpsFetcher fetcher{loop};
  std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> trust{X509_STORE_new(), &X509_STORE_free};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(https_fetcher, FetchLab)

BOOST_AUTO_TEST_CASE(a_socket_that_cannot_be_made_says_nothing_of_the_policys_host) {
  (void)fetch_in_vain(0);  // UBSan wants descriptors of its own where it meets a class first
  auto const error = fetch_in_vain(lowest_free());
  BOOST_TEST((error.trouble == FetchTrouble::NoSocket), error.why);
  BOOST_TEST(error.why.find("raise LimitNOFILE") != std::string::npos, error.why);
}

BOOST_AUTO_TEST_CASE(a_host_where_nobody_listens_cannot_be_reached) {
  auto const error = fetch_in_vain(0);
  BOOST_TEST((error.trouble == FetchTrouble::Unreachable), error.why);
}

BOOST_AUTO_TEST_SUITE_END()
