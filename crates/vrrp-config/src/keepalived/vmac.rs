//! `vrrp_instance`: a MAC address of its own.

use tandem_text::keepalived::Word;
use tandem_text::{Diagnostic, Spanned};

use super::args::Args;
use super::keyword::{Keyword, Kind, keyword};
use crate::code;
use crate::draft::Instance;
use crate::plan::Vmac;

pub(super) const KEYWORDS: &[Keyword<Instance>] = &[
    keyword(
        "use_vmac",
        Kind::Words,
        "a macvlan with the virtual MAC address: [NAME] [MAC]",
        |instance, args| {
            let span = args.span();
            let vmac = vmac(instance, args)?;
            instance.vmac = Some(Spanned::new(vmac, span));
            Ok(())
        },
    ),
    keyword(
        "vmac_xmit_base",
        Kind::Flag,
        "adverts go through the base interface",
        |instance, args| {
            instance.vmac_transmit_on_base = Some(args.keyword().span);
            Ok(())
        },
    ),
    keyword(
        "use_vmac_addr",
        Kind::Flag,
        "a macvlan for addresses on other interfaces too",
        |instance, _| {
            instance.vmac_for_addresses = true;
            Ok(())
        },
    ),
];

fn vmac(instance: &Instance, args: &mut Args<'_>) -> Result<Vmac, Diagnostic> {
    let mut vmac = Vmac {
        name: None,
        address: None,
        transmit_on_base: false,
    };
    while let Some(word) = args.next() {
        if word.text.contains(':') && vmac.address.is_none() {
            let last = instance.vrid.as_ref().map_or(0, |vrid| vrid.value.value());
            vmac.address = Some(mac(word, last)?);
        } else if vmac.name.is_none() && vmac.address.is_none() {
            vmac.name = Some(interface(word)?);
        } else {
            let message = format!("`{}` is too much after `use_vmac`", word.text);
            return Err(Diagnostic::warning(code::EXTRA, word.span, message).help("write use_vmac [NAME] [MAC]"));
        }
    }
    Ok(vmac)
}

/// The kernel's longest name of an interface, without the end mark.
const LONGEST_INTERFACE: usize = 15;

fn interface(word: &Word) -> Result<std::sync::Arc<str>, Diagnostic> {
    if word.text.len() > LONGEST_INTERFACE {
        let message = format!("`{}` is too long for the name of an interface", word.text);
        return Err(Diagnostic::warning(code::BAD_VALUE, word.span, message)
            .help(format!("the kernel takes {LONGEST_INTERFACE} letters")));
    }
    Ok(word.text.as_str().into())
}

/// Six octets, or five before the router id.
fn mac(word: &Word, last: u8) -> Result<[u8; 6], Diagnostic> {
    let octet = |text: &str| u8::from_str_radix(text, 16).ok().filter(|_| text.len() <= 2);
    let octets: Option<Vec<u8>> = word.text.split(':').map(octet).collect();
    let octets = octets.map(|mut octets| {
        if octets.len() == 5 {
            octets.push(last);
        }
        octets
    });
    octets.and_then(|octets| octets.try_into().ok()).ok_or_else(|| {
        let message = format!("`{}` is not a MAC address", word.text);
        Diagnostic::warning(code::BAD_VALUE, word.span, message).help("write six octets such as 00:00:5e:00:01:33")
    })
}
