// The transcripts of tests/transcripts/smtp: as they stand, octet by octet, and with every reply
// split at every octet.
//
//   S: what the server says (with CRLF)      C: what the session must have sent since the last C:
//   -- start [from=A] to=B ...               begins a transaction with the body below
//   -- eof WORDS, -- wait SECONDS, -- tls    the connection ends, time passes, the handshake
//   succeeds
//   == REPLY [retry]                         outcome of the next recipient: how its line begins,
//   and whether it may be tried again
//   == retry KIND, == STATE, == poisoned     of the transaction, of the session (name_of), of its
//   end settings: tls=encrypt one_flight=off     before anything else; body: TEXT with \r\n,
//   default "hello\r\n"
#include <algorithm>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/text.h"
#include "unit/core/smtp/talk.h"

using namespace mailpool;
using namespace mailpool::smtp;
using namespace mailpool::smtp::testing;
namespace fs = std::filesystem;

namespace {

struct Step {
  enum class Kind { Server, Client, Start, Eof, Wait, Tls, Expect };
  Kind kind;
  std::string text;
  int line;
};

struct Transcript {
  SessionSettings settings = plain_settings();
  std::string body = "hello\r\n";
  std::vector<Step> steps;
};

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    char const c = text[++i];
    out += c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c;
  }
  return out;
}

void apply_setting(SessionSettings& settings, std::string_view word) {
  if (word == "tls=encrypt")
    settings.tls = TlsMode::Encrypt;
  else if (word == "tls=none")
    settings.tls = TlsMode::None;
  else if (word == "one_flight=off")
    settings.one_flight_within = {};
  else if (word == "pipelining=off")
    settings.pipelining = false;
  else if (word == "chunking=off")
    settings.chunking = false;
  else
    BOOST_FAIL("unknown setting " << word);
}

// A run of S: lines is one reply or several that arrive together, a run of C: lines is what was
// sent meanwhile.
void add(Transcript& t, Step::Kind kind, std::string text, int line) {
  bool const goes_on = !t.steps.empty() && t.steps.back().kind == kind &&
                       (kind == Step::Kind::Server || kind == Step::Kind::Client);
  if (goes_on)
    t.steps.back().text += text;
  else
    t.steps.push_back({kind, std::move(text), line});
}

Transcript parsed(fs::path const& file) {
  Transcript t;
  std::ifstream in(file);
  std::string line;
  for (int n = 1; std::getline(in, line); ++n) {
    std::string_view const text = line;
    auto rest = [&](std::string_view mark) {
      return std::string(text.substr(std::min(mark.size(), text.size())));
    };
    if (text.empty() || text[0] == '#') continue;
    if (text.starts_with("S: "))
      add(t, Step::Kind::Server, unescaped(rest("S: ")) + "\r\n", n);
    else if (text.starts_with("C: "))
      add(t, Step::Kind::Client, unescaped(rest("C: ")) + "\r\n", n);
    else if (text == "C:")
      add(t, Step::Kind::Client, "\r\n", n);
    else if (text.starts_with("-- start"))
      add(t, Step::Kind::Start, rest("-- start "), n);
    else if (text.starts_with("-- eof"))
      add(t, Step::Kind::Eof, rest("-- eof "), n);
    else if (text.starts_with("-- wait "))
      add(t, Step::Kind::Wait, rest("-- wait "), n);
    else if (text == "-- tls")
      add(t, Step::Kind::Tls, "", n);
    else if (text.starts_with("== "))
      add(t, Step::Kind::Expect, rest("== "), n);
    else if (text.starts_with("body: "))
      t.body = unescaped(rest("body: "));
    else if (text.starts_with("settings: "))
      for (auto word : split(text.substr(10), ' ')) apply_setting(t.settings, word);
    else
      BOOST_FAIL(file << ":" << n << ": not a line of a transcript: " << line);
  }
  return t;
}

// Cuts of the server's octets, counted over the whole transcript: at one place, or after each
// octet.
struct Cuts {
  std::size_t at = SIZE_MAX;
  bool everywhere = false;
};

class Run {
 public:
  Run(Transcript const& transcript, Cuts cuts)
      : t_(transcript), cuts_(cuts), talk_(transcript.settings), body_(body_of(transcript.body)) {}

  /// The first thing that is not as it should be; empty if all is.
  std::string first_difference() {
    for (auto const& step : t_.steps) {
      take(step);
      if (!difference_.empty()) return std::to_string(step.line) + ": " + difference_;
    }
    return {};
  }

 private:
  void take(Step const& step) {
    switch (step.kind) {
      case Step::Kind::Server:
        return say(step.text);
      case Step::Kind::Client:
        return compare("sent", talk_.sent(), step.text);
      case Step::Kind::Start:
        return start(step.text);
      case Step::Kind::Eof:
        talk_.eof(step.text);
        return;
      case Step::Kind::Wait:
        talk_.wait(std::chrono::seconds(to_number(step.text).value()));
        return;
      case Step::Kind::Tls:
        talk_.session.tls_established(talk_.now);
        talk_.pump();
        return;
      case Step::Kind::Expect:
        return expect(step.text);
    }
  }

  void say(std::string_view octets) {
    while (!octets.empty()) {
      auto n = octets.size();
      if (cuts_.everywhere)
        n = 1;
      else if (cuts_.at > said_ && cuts_.at < said_ + n)
        n = cuts_.at - said_;
      talk_.server(octets.substr(0, n));
      said_ += n;
      octets.remove_prefix(n);
    }
  }

  void start(std::string_view words) {
    Transaction transaction;
    transaction.sender = "a@example.net";
    transaction.body = &body_;
    for (auto word : split(words, ' ')) {
      if (word.starts_with("from=")) transaction.sender = word.substr(5);
      if (word.starts_with("to=")) transaction.recipients.push_back(word.substr(3));
    }
    talk_.events.clear();
    recipient_ = 0;
    talk_.start(transaction);
  }

  void expect(std::string_view what) {
    if (auto finished = talk_.take<Finished>()) result_ = std::move(finished->result);
    if (what.starts_with("retry "))
      return compare("retry", std::string(name_of(result_.retry)), std::string(what.substr(6)));
    if (what == "poisoned") {
      auto const closed = talk_.take<Closed>();
      return compare("poisoned", closed && closed->protocol_error ? "yes" : "no", "yes");
    }
    if (!is_digit(what[0]))
      return compare("state", std::string(name_of(talk_.session.state())), std::string(what));
    if (recipient_ == result_.results.size())
      return compare("recipients", std::to_string(recipient_), "more");
    auto const& r = result_.results[recipient_++];
    bool const may_retry = what.ends_with(" retry");
    if (may_retry) what.remove_suffix(6);
    compare("outcome", r.outcome.reply_line().substr(0, what.size()), std::string(what));
    compare("may_retry", r.may_retry ? "yes" : "no", may_retry ? "yes" : "no");
  }

  void compare(std::string_view what, std::string const& got, std::string const& wanted) {
    if (got != wanted && difference_.empty())
      difference_ = std::string(what) + " is [" + got + "], wanted [" + wanted + "]";
  }

  Transcript const& t_;
  Cuts cuts_;
  Talk talk_;
  Body body_;
  TransactionResult result_;
  std::size_t recipient_ = 0;
  std::size_t said_ = 0;
  std::string difference_;
};

std::vector<std::string> transcripts() {
  std::vector<std::string> files;
  for (auto const& entry : fs::directory_iterator(MAILPOOL_SOURCE_DIR "/tests/transcripts/smtp"))
    if (entry.path().extension() == ".txt") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

std::size_t octets_said(Transcript const& t) {
  std::size_t n = 0;
  for (auto const& step : t.steps)
    if (step.kind == Step::Kind::Server) n += step.text.size();
  return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(transcripts_of_conversations)

BOOST_DATA_TEST_CASE(goes_as_written, boost::unit_test::data::make(transcripts()), file) {
  auto const t = parsed(file);
  BOOST_REQUIRE(!t.steps.empty());
  BOOST_TEST(Run(t, {}).first_difference() == "");
}

BOOST_DATA_TEST_CASE(goes_the_same_however_the_replies_are_cut,
                     boost::unit_test::data::make(transcripts()), file) {
  auto const t = parsed(file);
  for (std::size_t at = 1; at < octets_said(t); ++at) BOOST_TEST_CONTEXT("cut at octet " << at)
  BOOST_REQUIRE_EQUAL(Run(t, {at, false}).first_difference(), "");
  BOOST_TEST(Run(t, {0, true}).first_difference() == "");
}

BOOST_AUTO_TEST_SUITE_END()
