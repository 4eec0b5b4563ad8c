#include "core/control/metrics_http.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool::control;

namespace {

HttpWant want(std::string_view head) {
  return read_http_head(head).want;
}

bool is_open_metrics(std::string const& accept) {
  return read_http_head("GET /metrics HTTP/1.1\r\nHost: x\r\naccept: " + accept + "\r\n\r\n")
             .format == Exposition::OpenMetrics;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(metrics_http)

BOOST_AUTO_TEST_CASE(http_is_read_as_far_as_it_is_needed) {
  BOOST_TEST((want("GET /metrics HTTP/1.1\r\nHost: x\r\n") == HttpWant::Metrics));
  BOOST_TEST((want("GET /metrics?x=1 HTTP/1.0\r\n") == HttpWant::Metrics));
  BOOST_TEST((want("HEAD /metrics HTTP/1.1\r\n") == HttpWant::MetricsHead));
  BOOST_TEST((want("GET / HTTP/1.1\r\n") == HttpWant::NotFound));
  BOOST_TEST((want("POST /metrics HTTP/1.1\r\n") == HttpWant::BadMethod));
  for (auto bad :
       {"", "GET", "GET /metrics", "GET /metrics SMTP/1.1", "EHLO x", "GET  /metrics HTTP/1.1"})
    BOOST_TEST((want(bad) == HttpWant::BadRequest), bad);
}

BOOST_AUTO_TEST_CASE(an_answer_has_its_length_and_a_head_no_body) {
  auto const good = http_answer({HttpWant::Metrics, Exposition::Text}, "abc\n");
  BOOST_TEST(good.find("Content-Length: 4\r\n") != std::string::npos);
  BOOST_TEST(good.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
             std::string::npos);
  BOOST_TEST(good.substr(good.size() - 8) == "\r\n\r\nabc\n");
  BOOST_TEST(http_answer({HttpWant::MetricsHead, Exposition::Text}, "abc\n").find("abc") ==
             std::string::npos);
  BOOST_TEST(http_answer({HttpWant::BadMethod, Exposition::Text}, "abc").find("405") !=
             std::string::npos);
  BOOST_TEST(http_answer({HttpWant::Metrics, Exposition::OpenMetrics}, "x")
                 .find("application/openmetrics-text; version=1.0.0; charset=utf-8\r\n") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(open_metrics_is_for_whoever_accepts_it_as_gladly_as_text) {
  // What Prometheus 2 and 3 send.
  BOOST_TEST(
      is_open_metrics("application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
                      "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
  BOOST_TEST(is_open_metrics("application/openmetrics-text"));
  BOOST_TEST(is_open_metrics("text/plain, Application/OpenMetrics-Text"));
  BOOST_TEST(!is_open_metrics("application/openmetrics-text;version=0.0.1"));
  BOOST_TEST(!is_open_metrics("text/plain;q=0.9,application/openmetrics-text;q=0.5"));
  BOOST_TEST(!is_open_metrics("application/openmetrics-text;q=0"));
  BOOST_TEST(!is_open_metrics("application/openmetrics-text;q=x"));
  BOOST_TEST(!is_open_metrics("*/*"));
  BOOST_TEST(!is_open_metrics(""));
  BOOST_TEST((read_http_head("GET /metrics HTTP/1.1").format == Exposition::Text));
}

BOOST_AUTO_TEST_SUITE_END()
