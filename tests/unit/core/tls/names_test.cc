#include "core/tls/names.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool::tls;

BOOST_AUTO_TEST_SUITE(certificate_names)

BOOST_AUTO_TEST_CASE(a_name_fits_itself_in_any_case_and_nothing_else) {
  BOOST_TEST(name_fits("mx.example.com", "MX.Example.com"));
  BOOST_TEST(!name_fits("mx.example.com", "mx2.example.com"));
  BOOST_TEST(!name_fits("example.com", "mx.example.com"));
  BOOST_TEST(!name_fits("", "mx.example.com"));
  BOOST_TEST(!name_fits("mx.example.com", ""));
}

BOOST_AUTO_TEST_CASE(a_wildcard_stands_for_exactly_one_label) {
  BOOST_TEST(name_fits("*.example.com", "mx.example.com"));
  BOOST_TEST(!name_fits("*.example.com", "example.com"));
  BOOST_TEST(!name_fits("*.example.com", "a.mx.example.com"));
  BOOST_TEST(!name_fits("*.example.com", ".example.org"));
}

BOOST_AUTO_TEST_CASE(a_wildcard_elsewhere_or_over_a_top_level_domain_fits_nothing) {
  BOOST_TEST(!name_fits("m*.example.com", "mx.example.com"));
  BOOST_TEST(!name_fits("mx.*.com", "mx.example.com"));
  BOOST_TEST(!name_fits("*.com", "example.com"));
  BOOST_TEST(!name_fits("*", "example"));
  BOOST_TEST(!name_fits("*.", "example"));
}

BOOST_AUTO_TEST_CASE(a_wanted_name_with_a_dot_in_front_fits_all_below_it) {
  BOOST_TEST(name_fits("mx.example.com", ".example.com"));
  BOOST_TEST(name_fits("a.mx.example.com", ".example.com"));
  BOOST_TEST(name_fits("*.example.com", ".example.com"));
  BOOST_TEST(!name_fits("example.com", ".example.com"));
  BOOST_TEST(!name_fits("badexample.com", ".example.com"));
}

BOOST_AUTO_TEST_SUITE_END()
