/** Pod network unless one is given: the network of kubeadm's and most network add-ons' examples. */
export const defaultPodNetwork = "10.244.0.0/16";

/** Service network unless one is given. kubeadm's own default is 10.96.0.0/12, which takes a sixteenth of all of 10/8. */
export const defaultServiceNetwork = "10.96.0.0/16";
