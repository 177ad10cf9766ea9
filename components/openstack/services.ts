import type { ServiceFactory } from "./definition";
import { glance } from "./glance";
import { openvswitch } from "./host-network";
import { keystone } from "./keystone";
import { libvirt } from "./libvirt";
import { neutron } from "./neutron";
import { nova } from "./nova";
import { placement } from "./placement";

/** The services that this release of Stratiform knows, by the name that `services` uses. */
export const knownServices: Readonly<Record<string, ServiceFactory>> = {
  glance,
  keystone,
  libvirt,
  neutron,
  nova,
  openvswitch,
  placement,
};

/** Services on the hosts that another one cannot do without; nobody need name them. */
export const impliedServices: Readonly<Record<string, readonly string[]>> = {
  neutron: ["openvswitch"],
  nova: ["libvirt", "openvswitch"],
};
