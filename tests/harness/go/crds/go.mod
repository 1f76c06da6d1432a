module basphere.dev/harness/crds

go 1.26.0

require (
	sigs.k8s.io/cluster-api v1.14.2
	sigs.k8s.io/cluster-api-provider-openstack v0.11.0
	sigs.k8s.io/cluster-api-provider-vsphere v1.16.1
)
