package basphereingresshosts

import data.lib.objects

spec := objects.written(["spec"])

violation contains {"msg": msg, "details": {"path": at}} if {
  some at, host in hosts
  host == ""
  msg := sprintf("%s: takes the requests to every host that nobody else has: name the hosts", [at])
}

violation contains {"msg": msg, "details": {"path": at, "host": host}} if {
  some at, host in hosts
  contains(host, "*")
  not host in object.get(input.parameters, "wildcards", [])
  msg := sprintf("%s: %q takes the requests to hosts of others as well: name each host", [at, host])
}

# The hosts that an object takes requests to, by their paths. An empty one is every host.
hosts[at] := object.get(rule, "host", "") if {
  is_ingress
  some index, rule in spec.rules
  at := sprintf("spec.rules[%d].host", [index])
}

hosts["spec.defaultBackend"] := "" if is_object(spec.defaultBackend)

hosts[at] := host if {
  some index, host in spec.hostnames
  at := sprintf("spec.hostnames[%d]", [index])
}

hosts["spec.hostnames"] := "" if {
  not is_ingress
  object.get(spec, "hostnames", []) == []
}

is_ingress if input.review.object.kind == "Ingress"
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
