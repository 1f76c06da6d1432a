package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"hash/fnv"
	"log"
	"net"
	"sort"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// clusterID is the same in all clusters: nobody compares those of two.
const clusterID = 1

// etcd knows who is a member. Each member listens for itself, since a client asks one about itself.
type etcd struct {
	client kubernetes.Interface
	pair   tls.Certificate

	mutex     sync.Mutex
	removed   map[string]bool
	leader    string
	listeners map[string]string
}

func newEtcd(client kubernetes.Interface, pair tls.Certificate) *etcd {
	return &etcd{client: client, pair: pair, removed: map[string]bool{}, listeners: map[string]string{}}
}

func id(name string) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	return hash.Sum64()
}

// members are the names of all members, in order.
func (e *etcd) members(ctx context.Context) ([]string, error) {
	selector := metav1.ListOptions{LabelSelector: "node-role.kubernetes.io/control-plane"}
	nodes, err := e.client.CoreV1().Nodes().List(ctx, selector)
	if err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	e.mutex.Lock()
	defer e.mutex.Unlock()
	var names []string
	for _, node := range nodes.Items {
		if !e.removed[node.Name] {
			names = append(names, node.Name)
		}
	}
	sort.Strings(names)
	return names, nil
}

// leads is the name of the leader: the one that was chosen, or the first.
func (e *etcd) leads(names []string) string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for _, name := range names {
		if name == e.leader {
			return name
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// address is where a member listens, from the first time on that somebody asks.
func (e *etcd) address(name string) (string, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if address, found := e.listeners[name]; found {
		return address, nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listening as %s: %w", name, err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&e.pair)))
	member := &member{etcd: e, name: name}
	pb.RegisterClusterServer(server, member)
	pb.RegisterMaintenanceServer(server, member)
	go func() {
		if err := server.Serve(listener); err != nil {
			log.Printf("%s: %v", name, err)
		}
	}()
	e.listeners[name] = listener.Addr().String()
	return e.listeners[name], nil
}

// member answers for one member. What is not asked here is answered by the embedded servers: it is not implemented.
type member struct {
	pb.UnimplementedClusterServer
	pb.UnimplementedMaintenanceServer
	etcd *etcd
	name string
}

func (m *member) header() *pb.ResponseHeader {
	return &pb.ResponseHeader{ClusterId: clusterID, MemberId: id(m.name), RaftTerm: 1}
}

func (m *member) list(ctx context.Context) ([]*pb.Member, error) {
	names, err := m.etcd.members(ctx)
	if err != nil {
		return nil, err
	}
	members := make([]*pb.Member, 0, len(names))
	for _, name := range names {
		url := []string{"https://" + name + ":2379"}
		members = append(members, &pb.Member{ID: id(name), Name: name, PeerURLs: url, ClientURLs: url})
	}
	return members, nil
}

// MemberList says who is a member.
func (m *member) MemberList(ctx context.Context, _ *pb.MemberListRequest) (*pb.MemberListResponse, error) {
	members, err := m.list(ctx)
	return &pb.MemberListResponse{Header: m.header(), Members: members}, err
}

// MemberRemove forgets a member for good.
func (m *member) MemberRemove(ctx context.Context, request *pb.MemberRemoveRequest) (*pb.MemberRemoveResponse, error) {
	names, err := m.etcd.members(ctx)
	if err != nil {
		return nil, err
	}
	m.etcd.mutex.Lock()
	for _, name := range names {
		if id(name) == request.ID {
			m.etcd.removed[name] = true
		}
	}
	m.etcd.mutex.Unlock()
	members, err := m.list(ctx)
	return &pb.MemberRemoveResponse{Header: m.header(), Members: members}, err
}

// Status says who leads.
func (m *member) Status(ctx context.Context, _ *pb.StatusRequest) (*pb.StatusResponse, error) {
	names, err := m.etcd.members(ctx)
	if err != nil {
		return nil, err
	}
	leader := id(m.etcd.leads(names))
	return &pb.StatusResponse{Header: m.header(), Version: "3.6.4", Leader: leader, RaftTerm: 1, RaftIndex: 1}, nil
}

// Alarm says that there is none.
func (m *member) Alarm(context.Context, *pb.AlarmRequest) (*pb.AlarmResponse, error) {
	return &pb.AlarmResponse{Header: m.header()}, nil
}

// MoveLeader makes another member the leader.
func (m *member) MoveLeader(ctx context.Context, request *pb.MoveLeaderRequest) (*pb.MoveLeaderResponse, error) {
	names, err := m.etcd.members(ctx)
	if err != nil {
		return nil, err
	}
	m.etcd.mutex.Lock()
	defer m.etcd.mutex.Unlock()
	for _, name := range names {
		if id(name) == request.TargetID {
			m.etcd.leader = name
		}
	}
	return &pb.MoveLeaderResponse{Header: m.header()}, nil
}
