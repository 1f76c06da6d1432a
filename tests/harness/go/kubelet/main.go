// The kubelets of a cluster whose machines run nothing, as far as Cluster API talks to them: it forwards ports of the
// static pods of a control plane, to the API server and to etcd.
//
// etcd is played as well: its members are the nodes of the control plane, less those that were removed.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubelet/pkg/cri/streaming/portforward"
)

const (
	idle     = 10 * time.Minute
	creation = 30 * time.Second
)

func main() {
	listen := flag.String("listen", "127.0.0.1:10250", "where kubelets are asked")
	kubeconfig := flag.String("kubeconfig", "", "the cluster's kubeconfig")
	certificate := flag.String("certificate", "", "certificate of etcd's authority, in PEM")
	key := flag.String("key", "", "its private key, in PEM")
	flag.Parse()
	if err := run(*listen, *kubeconfig, *certificate, *key); err != nil {
		log.Fatal(err)
	}
}

func run(listen, kubeconfig, certificate, key string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("reading %s: %w", kubeconfig, err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	kubelets := &kubelets{
		apiServer: strings.TrimPrefix(config.Host, "https://"),
		etcd:      newEtcd(client, pair),
	}
	server := &http.Server{
		Addr:    listen,
		Handler: kubelets.handler(),
		// Streams are upgraded from HTTP/1.1 only.
		TLSConfig:    &tls.Config{Certificates: []tls.Certificate{pair}},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	return server.ListenAndServeTLS("", "")
}

// kubelets forwards ports of pods by name.
type kubelets struct {
	apiServer string
	etcd      *etcd
}

func (k *kubelets) handler() http.Handler {
	mux := http.NewServeMux()
	forward := func(w http.ResponseWriter, r *http.Request) {
		options, err := portforward.NewV4Options(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		portforward.ServePortForward(w, r, k, r.PathValue("pod"), types.UID(r.PathValue("uid")), options,
			idle, creation, portforward.SupportedProtocols)
	}
	mux.HandleFunc("/portForward/{namespace}/{pod}", forward)
	mux.HandleFunc("/portForward/{namespace}/{pod}/{uid}", forward)
	return mux
}

// PortForward copies between a stream and a port of a pod.
func (k *kubelets) PortForward(ctx context.Context, pod string, _ types.UID, _ int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	var dialer net.Dialer
	address := k.apiServer
	if node, found := strings.CutPrefix(pod, "etcd-"); found {
		member, err := k.etcd.address(node)
		if err != nil {
			return err
		}
		address = member
	} else if !strings.HasPrefix(pod, "kube-apiserver-") {
		return fmt.Errorf("%s listens nowhere", pod)
	}
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", pod, err)
	}
	defer connection.Close()
	go func() {
		_, _ = io.Copy(connection, stream)
		_ = connection.Close()
	}()
	_, _ = io.Copy(stream, connection)
	return nil
}
