//! Which addresses a job may be connected to: those of the public internet, and what the settings name beside them.
//!
//! The ranges are those of the IANA registries of special-purpose addresses (RFC 6890 and its updates). Addresses that
//! carry another one inside, such as mapped ones, are what they carry.

use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not one of the public internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// `0.0.0.0/8` and `::`: this machine, on most systems.
    Unspecified,
    /// `127.0.0.0/8` and `::1`.
    Loopback,
    /// `10/8`, `172.16/12`, `192.168/16`, `100.64/10`, `fc00::/7`.
    Private,
    /// `169.254/16` and `fe80::/10`.
    LinkLocal,
    /// Where a cloud gives a machine its credentials.
    Metadata,
    /// To many machines at a time.
    Multicast,
    /// Kept for documentation, tests, translation or the future.
    Reserved,
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "an unspecified address, which is this machine",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the metadata service of a cloud",
            Self::Multicast => "a multicast address",
            Self::Reserved => "a reserved address",
        })
    }
}

/// Metadata services that do not stand in a range of their own: Azure's has a public address.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Why `address` is not one of the public internet; none if it is.
pub fn special(address: IpAddr) -> Option<AddressKind> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => match carried(address) {
            Some(inside) => special_v4(inside),
            None => special_v6(address),
        },
    }
}

/// Whether one of `ranges` has `address`, or the address that it carries.
pub fn is_named(address: IpAddr, ranges: &[IpNet]) -> bool {
    let inside = match address {
        IpAddr::V6(address) => carried(address).map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    ranges
        .iter()
        .any(|range| range.contains(&address) || inside.is_some_and(|inside| range.contains(&inside)))
}

/// The IPv4 address inside an IPv6 address: mapped, translated (NAT64) or of 6to4.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

fn special_v4(address: Ipv4Addr) -> Option<AddressKind> {
    if METADATA_V4.contains(&address) {
        return Some(AddressKind::Metadata);
    }
    Some(match address.octets() {
        [0, ..] => AddressKind::Unspecified,
        [127, ..] => AddressKind::Loopback,
        [10, ..] | [192, 168, ..] => AddressKind::Private,
        [172, second, ..] if (16..32).contains(&second) => AddressKind::Private,
        [100, second, ..] if (64..128).contains(&second) => AddressKind::Private,
        [169, 254, ..] => AddressKind::LinkLocal,
        [224..=239, ..] => AddressKind::Multicast,
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
            AddressKind::Reserved
        }
        [240..=255, ..] => AddressKind::Reserved,
        _ => return None,
    })
}

fn special_v6(address: Ipv6Addr) -> Option<AddressKind> {
    if address == METADATA_V6 {
        return Some(AddressKind::Metadata);
    }
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressKind::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressKind::Loopback,
        [first, ..] if first & 0xfe00 == 0xfc00 => AddressKind::Private,
        // Site-local addresses (`fec0::/10`) are no longer given out and still routed here and there.
        [first, ..] if first & 0xff80 == 0xfe80 => AddressKind::LinkLocal,
        [first, ..] if first & 0xff00 == 0xff00 => AddressKind::Multicast,
        // Protocol assignments (Teredo among them) and documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => AddressKind::Reserved,
        [0x3fff, second, ..] if second < 0x1000 => AddressKind::Reserved,
        // Of all the rest only `2000::/3` has ever been given to anybody.
        [first, ..] if first & 0xe000 == 0x2000 => return None,
        _ => AddressKind::Reserved,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_not_special() {
        for public in
            ["1.1.1.1", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::101:101"]
        {
            assert_eq!(special(public.parse().unwrap()), None, "{public}");
        }
        for (address, kind) in [
            ("0.0.0.0", AddressKind::Unspecified),
            ("::", AddressKind::Unspecified),
            ("127.9.9.9", AddressKind::Loopback),
            ("::1", AddressKind::Loopback),
            ("::ffff:127.0.0.1", AddressKind::Loopback),
            ("64:ff9b::7f00:1", AddressKind::Loopback),
            ("2002:a00:1::", AddressKind::Private),
            ("10.1.2.3", AddressKind::Private),
            ("172.31.255.255", AddressKind::Private),
            ("fd12::1", AddressKind::Private),
            ("169.254.0.1", AddressKind::LinkLocal),
            ("fe80::1", AddressKind::LinkLocal),
            ("fec0::1", AddressKind::LinkLocal),
            ("169.254.169.254", AddressKind::Metadata),
            ("::ffff:169.254.169.254", AddressKind::Metadata),
            ("fd00:ec2::254", AddressKind::Metadata),
            ("168.63.129.16", AddressKind::Metadata),
            ("224.0.0.1", AddressKind::Multicast),
            ("ff02::1", AddressKind::Multicast),
            ("255.255.255.255", AddressKind::Reserved),
            ("::7f00:1", AddressKind::Reserved),
            ("2001:db8::1", AddressKind::Reserved),
            ("64:ff9b:1::1", AddressKind::Reserved),
        ] {
            assert_eq!(special(address.parse().unwrap()), Some(kind), "{address}");
        }
    }

    #[test]
    fn a_named_range_has_what_an_address_carries() {
        let ranges = ["127.0.0.1/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        for inside in ["127.0.0.1", "::ffff:127.0.0.1", "10.255.0.1"] {
            assert!(is_named(inside.parse().unwrap(), &ranges), "{inside}");
        }
        for outside in ["127.0.0.2", "::1", "11.0.0.1"] {
            assert!(!is_named(outside.parse().unwrap(), &ranges), "{outside}");
        }
    }
}
