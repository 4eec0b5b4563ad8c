// poolctl: the operator's view of mailpoold.

#include <iostream>

#include "poolctl/run.h"

int main(int argc, char** argv) {
  return mailpool::poolctl::run(argc, argv, std::cout, std::cerr);
}
