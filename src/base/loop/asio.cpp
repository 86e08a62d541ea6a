// Boost.Asio's own code, compiled once (BOOST_ASIO_SEPARATE_COMPILATION) and without our warnings.
#include <boost/asio/impl/src.hpp>
