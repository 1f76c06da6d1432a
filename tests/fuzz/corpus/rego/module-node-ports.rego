package baspherenodeports

import data.lib.objects

spec := objects.written(["spec"])

violation contains {"msg": msg, "details": {"path": "spec.type"}} if {
  spec.type == "NodePort"
  msg := "spec.type: NodePort opens a port on every node: use ClusterIP behind an Ingress or a Gateway, or LoadBalancer"
}

violation contains {"msg": msg, "details": {"path": "spec.allocateLoadBalancerNodePorts"}} if {
  input.parameters.ofLoadBalancers
  spec.type == "LoadBalancer"
  object.get(spec, "allocateLoadBalancerNodePorts", true) != false
  msg := "spec.allocateLoadBalancerNodePorts: must be false: the load balancer needs no port on every node"
}
---
package lib.objects

# What a request writes at a place of its object: null where there is nothing. It is undefined, and hence nothing is
# found, where something is deleted, and where an update leaves the place as it is: whoever takes away a finalizer or
# sets a label must not be held up by what was stored before this policy.
written(place) := wanted if {
  not input.review.operation == "DELETE"
  wanted := object.get(input.review.object, place, null)
  not stored(place, wanted)
}

stored(place, wanted) if {
  input.review.operation == "UPDATE"
  object.get(input.review.oldObject, place, null) == wanted
}
