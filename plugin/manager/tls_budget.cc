#include "manager/tls_budget.h"

#include <fmt/format.h>
#include <openssl/bio.h>

#include <algorithm>
#include <new>
#include <utility>

namespace mailpool::manager {
namespace {

// Type (1), version (2), length (2): RFC 8446 5.1.
constexpr std::size_t header_size = 5;

using HeldBudget = std::shared_ptr<TlsBudget>;

TlsBudget* budget_in(BIO* bio) {
  auto const* const held = static_cast<HeldBudget*>(BIO_get_data(bio));
  return held == nullptr ? nullptr : held->get();
}

int on_read(BIO* bio, char* to, int most) {
  BIO_clear_retry_flags(bio);
  auto* const budget = budget_in(bio);
  auto* const below = BIO_next(bio);
  if (budget == nullptr || below == nullptr || most <= 0) return -1;
  auto const granted = budget->grant(static_cast<std::size_t>(most));
  if (granted == 0) {
    if (budget->exceeded().empty()) BIO_set_retry_read(bio);
    return -1;
  }
  int const n = BIO_read(below, to, static_cast<int>(granted));
  BIO_copy_next_retry(bio);
  if (n > 0) budget->take({to, static_cast<std::size_t>(n)});
  return n;
}

long on_ctrl(BIO* bio, int what, long number, void* pointer) {
  if (what == BIO_CTRL_PUSH || what == BIO_CTRL_POP) return 1;
  auto* const below = BIO_next(bio);
  return below == nullptr ? 0 : BIO_ctrl(below, what, number, pointer);
}

int on_create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

int on_destroy(BIO* bio) {
  delete static_cast<HeldBudget*>(BIO_get_data(bio));
  BIO_set_data(bio, nullptr);
  return 1;
}

struct BioKind {
  int type = BIO_get_new_index() | BIO_TYPE_FILTER;
  BIO_METHOD* method = BIO_meth_new(type, "budget");
};

BioKind const& bio_kind() {
  static BioKind const made = [] {
    BioKind k;
    if (k.method == nullptr) throw std::bad_alloc();
    BIO_meth_set_read(k.method, on_read);
    BIO_meth_set_ctrl(k.method, on_ctrl);
    BIO_meth_set_create(k.method, on_create);
    BIO_meth_set_destroy(k.method, on_destroy);
    return k;
  }();
  return made;
}

}  // namespace

TlsBudget::TlsBudget(Limits limits) : limits_(limits) {}

std::shared_ptr<TlsBudget> TlsBudget::put_below(SSL* ssl, Limits limits) {
  auto* const below = SSL_get_rbio(ssl);
  auto* const bio = below == nullptr ? nullptr : BIO_new(bio_kind().method);
  if (bio == nullptr) return nullptr;
  auto made = std::make_shared<TlsBudget>(limits);
  BIO_set_data(bio, new HeldBudget(made));
  // The connection gives up its part of `below` when it is given the new one.
  BIO_up_ref(below);
  BIO_push(bio, below);
  SSL_set0_rbio(ssl, bio);
  return made;
}

TlsBudget* TlsBudget::of(SSL* ssl) {
  auto* const bio = SSL_get_rbio(ssl);
  bool const is_ours = bio != nullptr && BIO_method_type(bio) == bio_kind().type;
  return is_ours ? budget_in(bio) : nullptr;
}

void TlsBudget::begin_turn() {
  octets_in_turn_ = records_in_turn_ = 0;
}

void TlsBudget::note_content() {
  note_handshake_done();
  records_without_content_ = 0;
}

std::size_t TlsBudget::grant(std::size_t wanted) {
  if (!exceeded_.empty() || octets_in_turn_ >= limits_.octets_in_a_turn) return 0;
  if (is_between_records() && records_in_turn_ >= limits_.records_in_a_turn) return 0;
  return std::min(wanted, limits_.octets_in_a_turn - octets_in_turn_);
}

void TlsBudget::take(std::string_view octets) {
  octets_in_turn_ += octets.size();
  octets_in_all_ += octets.size();
  if (octets_of_handshake_ != unlimited) octets_of_handshake_ += octets.size();
  while (!octets.empty()) {
    if (left_of_record_ != 0) {
      auto const n = std::min(left_of_record_, octets.size());
      left_of_record_ -= n;
      octets.remove_prefix(n);
      continue;
    }
    auto const octet = static_cast<unsigned char>(octets.front());
    octets.remove_prefix(1);
    if (++header_ == header_size - 1) length_ = octet;
    if (header_ == header_size) {
      header_ = 0;
      left_of_record_ = length_ << 8U | octet;
      count_record();
    }
  }
  if (octets_in_all_ > limits_.octets_in_all)
    exceed(fmt::format("the server sends more than {} octets", limits_.octets_in_all));
  if (octets_of_handshake_ != unlimited && octets_of_handshake_ > limits_.octets_of_a_handshake)
    exceed(fmt::format("the server's handshake does not end within {} octets",
                       limits_.octets_of_a_handshake));
}

void TlsBudget::count_record() {
  ++records_in_turn_;
  if (++records_without_content_ > limits_.records_without_content)
    exceed(fmt::format("the server sends more than {} TLS records without content",
                       limits_.records_without_content));
}

void TlsBudget::exceed(std::string why) {
  if (exceeded_.empty()) exceeded_ = std::move(why);
}

}  // namespace mailpool::manager
